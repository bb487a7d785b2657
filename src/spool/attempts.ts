import { open, readFile, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { Counter, type Logger, type Registry } from '../telemetry/index.js';
import { syncPath, writeAside } from '../durable/index.js';
import type { SpoolRange } from './range.js';

/** A stretch of one stream that is being decoded or committed. */
export interface Attempt extends SpoolRange {
  readonly stream: string;
}

/** A stretch in hand when the process died, or when the database did. */
export interface Suspect extends Attempt {
  readonly deaths: number;
  /** This very stretch was in hand at the last of them, and not a larger one that it is a piece of. */
  readonly whole?: boolean;
  /** Kept in the folder of what is set aside already; the commit that passes over it may be still to come. */
  readonly setAside?: boolean;
}

/** One block, so that a write of it is whole or not there when the process is killed. */
const blockBytes = 4096;
const crcDigits = 8;

interface Block {
  readonly inHand: readonly Attempt[];
  /** The process was asked to stop, or lost its catalog: if it is killed now, that is not for what it has in hand. */
  readonly orderly: boolean;
}

/**
 * What is in hand, on disk, so that the next start knows what the process was at when it died. The file outlives the
 * process without an fsync; only while a stretch is suspected is it synced, so that it outlives the machine as well.
 * A disk that refuses such notes stops nothing: then a death is not counted.
 */
export class Attempts {
  #inHand: readonly Attempt[] = [];
  #orderly = false;
  #suspects: readonly Suspect[];
  readonly #deaths: Counter<'kind'>;

  private constructor(
    private readonly folder: string,
    private readonly handle: FileHandle | null,
    private readonly log: Logger,
    registry: Registry,
    found: { readonly suspects: readonly Suspect[]; readonly died: readonly Attempt[] },
  ) {
    this.#suspects = found.died.length > 0 ? afterDeath(found.suspects, found.died) : found.suspects;
    this.#deaths = new Counter({
      name: 'canardstack_spool_deaths_total',
      help: 'Times that this process found records in hand at which it (kind "process") or its database (kind "database") had died.',
      labelNames: ['kind'],
      registers: [registry],
    });
    if (found.died.length > 0) this.#deaths.inc({ kind: 'process' });
  }

  /** Takes what the process before had in hand for suspect. */
  static async open(folder: string, log: Logger, registry: Registry): Promise<Attempts> {
    const died = await readBlock(join(folder, 'in-hand'));
    const suspects = await readSuspects(join(folder, 'suspects'), log);
    const handle = await openBlock(join(folder, 'in-hand'), log);
    const attempts = new Attempts(folder, handle, log, registry, { suspects, died });
    if (died.length > 0) {
      log.warn(
        { inHand: died, suspects: attempts.suspects },
        'the process before died while it had spooled records in hand: they are taken in small pieces',
      );
      // Before the note of what was in hand goes, so that a death between is counted once, not never.
      await attempts.#persist().catch((error: unknown) => {
        log.warn({ err: error }, 'the records at which the process died could not be noted');
      });
      await attempts.#write(true);
    }
    return attempts;
  }

  get suspects(): readonly Suspect[] {
    return this.#suspects;
  }

  get inHand(): readonly Attempt[] {
    return this.#inHand;
  }

  /** Notes what is about to be decoded or committed, in place of what was noted before. */
  async begin(attempts: readonly Attempt[]): Promise<void> {
    this.#inHand = attempts;
    await this.#write(this.#suspects.length > 0);
  }

  async end(): Promise<void> {
    if (this.#inHand.length === 0) return;
    this.#inHand = [];
    await this.#write(false);
  }

  /** From now on the end of the process is nobody's fault. */
  async orderly(): Promise<void> {
    this.#orderly = true;
    await this.#write(false);
  }

  /** The database died of what is in hand, the process did not. */
  databaseDied(): void {
    if (this.#inHand.length === 0) return;
    this.#deaths.inc({ kind: 'database' });
    this.#suspects = afterDeath(this.#suspects, this.#inHand);
  }

  /** Replaces the suspects, durably. Rejects when they can't be written; in memory they are replaced all the same. */
  async suspect(suspects: readonly Suspect[]): Promise<void> {
    if (suspects.length === 0 && this.#suspects.length === 0) return;
    this.#suspects = suspects;
    await this.#persist();
  }

  /** The process may have died at `range` so often that it is to be set aside, and is not yet. */
  isSuspect({ stream, start, end }: Attempt): boolean {
    return this.#suspects.some((s) => s.stream === stream && !s.setAside && s.start < end && s.end > start);
  }

  async close(): Promise<void> {
    if (this.#inHand.length > 0) {
      this.#inHand = [];
      await this.#write(false);
    }
    await this.handle?.close();
  }

  async #write(sync: boolean): Promise<void> {
    if (this.handle === null) return;
    const block: Block = { inHand: this.#inHand, orderly: this.#orderly };
    try {
      await this.handle.write(encodeBlock(block), 0, blockBytes, 0);
      if (sync) await this.handle.datasync();
    } catch (error) {
      this.log.warn({ err: error }, 'what is being committed could not be noted');
    }
  }

  async #persist(): Promise<void> {
    const path = join(this.folder, 'suspects');
    if (this.#suspects.length === 0) {
      await rm(path, { force: true });
    } else {
      await writeAside(path, `${JSON.stringify(this.#suspects, null, 2)}\n`, 0o600);
    }
    await syncPath(this.folder);
  }
}

/** `died` takes one death more than the worst suspect in it; what is left of such suspects stays as it was. */
export function afterDeath(suspects: readonly Suspect[], died: readonly Attempt[]): Suspect[] {
  let result = [...suspects];
  for (const { stream, start, end } of died) {
    const touched = result.filter(
      (s) => s.stream === stream && s.start < end && s.end > start && !s.setAside,
    );
    const deaths = 1 + touched.reduce((most, s) => Math.max(most, s.deaths), 0);
    const rests = touched.flatMap((s) => [
      ...(s.start < start ? [{ ...s, end: start, whole: false }] : []),
      ...(s.end > end ? [{ ...s, start: end, whole: false }] : []),
    ]);
    result = [
      ...result.filter((s) => !touched.includes(s)),
      ...rests,
      { stream, start, end, deaths, whole: true },
    ];
  }
  return result.sort((a, b) => (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : a.start - b.start));
}

function encodeBlock(block: Block): Buffer {
  const bytes = Buffer.alloc(blockBytes, ' ');
  const text = JSON.stringify(block);
  if (Buffer.byteLength(text) + crcDigits + 2 > blockBytes) throw new Error('too many stretches are in hand');
  bytes.write(text, crcDigits + 1);
  bytes.write('\n', blockBytes - 1);
  bytes.write(checksum(bytes), 0);
  return bytes;
}

function checksum(block: Buffer): string {
  return crc32c(block.subarray(crcDigits)).toString(16).padStart(crcDigits, '0');
}

/** What was in hand when the process died; empty when it stopped in order, or when the note can't be read. */
async function readBlock(path: string): Promise<readonly Attempt[]> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  if (bytes.length !== blockBytes || bytes.toString('latin1', 0, crcDigits) !== checksum(bytes)) return [];
  const { inHand, orderly } = JSON.parse(bytes.toString('utf8', crcDigits)) as Block;
  return orderly ? [] : inHand;
}

async function readSuspects(path: string, log: Logger): Promise<readonly Suspect[]> {
  try {
    return (JSON.parse(await readFile(path, 'utf8')) as Suspect[]).filter(
      (s) => typeof s.stream === 'string' && s.end > s.start && Number.isInteger(s.deaths),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      log.warn({ path, err: error }, "the note of suspected records can't be read and is ignored");
    return [];
  }
}

/** Written in full at once, so that later notes need no space; null on a disk that takes nothing. */
async function openBlock(path: string, log: Logger): Promise<FileHandle | null> {
  try {
    const handle = await open(path, 'r+', 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return open(path, 'w+', 0o600);
    });
    const { size } = await handle.stat();
    if (size !== blockBytes)
      await handle.write(encodeBlock({ inHand: [], orderly: false }), 0, blockBytes, 0);
    return handle;
  } catch (error) {
    log.warn({ path, err: error }, "what is in hand can't be noted: a death will not be counted");
    return null;
  }
}
