import { readdir, readFile, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Signal } from '../schema/index.js';
import type { Logger } from '../telemetry/index.js';
import type { KeepFolder } from './keep.js';
import type { SpoolMetrics } from './metrics.js';
import { segmentOffset, type Segment } from './segment.js';
import type { SpoolRange } from './types.js';

const copyBytes = 1024 * 1024;

/** Sets stretches of one stream that hold no valid record aside, counts and logs them; each stretch once. */
export class DamageKeeper {
  readonly #known = new Set<number>();

  constructor(
    private readonly signal: Signal,
    private readonly keep: KeepFolder,
    private readonly metrics: SpoolMetrics,
    private readonly log: Logger,
  ) {}

  /** A stretch between or after records. Rejects when it can't be kept, so that nothing moves past it silently. */
  async damaged(segment: Segment, handle: FileHandle, range: SpoolRange): Promise<void> {
    if (this.#known.has(range.start)) return;
    const kept = await this.#keep(segment, handle, range, 'damaged');
    this.#known.add(range.start);
    this.#count(range);
    this.log.error(
      { signal: this.signal, segment: segment.path, ...range, kept },
      'spooled records are damaged; they are set aside and reading goes on after them',
    );
  }

  /** Bytes that the next segment says were there, but that no file holds. */
  missing(segment: Segment, range: SpoolRange): void {
    this.#count(range);
    this.log.error(
      { signal: this.signal, segment: segment.path, ...range },
      'spooled records are missing: a segment is shorter than it was, or gone',
    );
  }

  header(path: string): void {
    this.metrics.damagedStretches.inc({ signal: this.signal });
    this.log.error(
      { signal: this.signal, segment: path },
      'a segment header is damaged; its records are read',
    );
  }

  /** The incomplete end of a stream. False when it could not be kept and so must not be cut. */
  async torn(segment: Segment, handle: FileHandle, range: SpoolRange): Promise<boolean> {
    this.metrics.tornTails.inc({ signal: this.signal });
    const about = { signal: this.signal, segment: segment.path, ...range };
    try {
      const kept = await this.#keep(segment, handle, range, 'torn');
      this.log.warn({ ...about, kept }, 'the spool ends in an incomplete record, which is cut off');
      return true;
    } catch (error) {
      this.log.warn(
        { ...about, err: error },
        'the spool ends in an incomplete record, which is left in its file',
      );
      return false;
    }
  }

  #count(range: SpoolRange): void {
    this.metrics.damagedStretches.inc({ signal: this.signal });
    this.metrics.damagedBytes.inc({ signal: this.signal }, range.end - range.start);
  }

  async #keep(segment: Segment, handle: FileHandle, range: SpoolRange, kind: string): Promise<string> {
    const name = `${this.signal}-${String(range.start).padStart(20, '0')}.${kind}`;
    const about = {
      signal: this.signal,
      kind,
      ...range,
      segment: segment.path,
      segmentStart: segment.start,
      at: new Date().toISOString(),
    };
    try {
      await this.keep.write(name, stretch(segment, handle, range), about);
      return name;
    } catch (error) {
      this.metrics.errors.inc({ signal: this.signal, op: 'set_aside' });
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC' || kind === 'torn') throw error;
      await this.keep.link(`${name}.seg`, segment.path, about);
      return `${name}.seg`;
    }
  }
}

async function* stretch(segment: Segment, handle: FileHandle, range: SpoolRange): AsyncGenerator<Uint8Array> {
  let position = range.start;
  while (position < range.end) {
    const wanted = Math.min(copyBytes, range.end - position);
    const buffer = Buffer.allocUnsafeSlow(wanted);
    const { bytesRead } = await handle.read(buffer, 0, wanted, segmentOffset(segment, position));
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    position += bytesRead;
  }
}

/** A stretch that was set aside in `damaged/`. */
export interface DamagedStretch {
  readonly name: string;
  /** `torn`: the incomplete end of a stream, which was never acknowledged. */
  readonly kind: 'damaged' | 'torn';
  readonly signal: string;
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
  /** ISO 8601; null when it is not known. */
  readonly at: string | null;
}

/** All that the `damaged/` folder at `folder` keeps. Needs no lock. */
export async function listDamage(folder: string): Promise<DamagedStretch[]> {
  const names = await readdir(folder).catch(() => []);
  const found: DamagedStretch[] = [];
  for (const name of names.sort()) {
    const parts = /^(\w+)-(\d{20})\.(damaged|torn)(?:\.seg)?$/.exec(name);
    if (!parts) continue;
    const note = await readFile(join(folder, `${name}.json`), 'utf8').catch(() => '{}');
    const { end, at } = JSON.parse(note) as { end?: number; at?: string };
    const { size } = await stat(join(folder, name));
    const start = Number(parts[2]);
    const kind = parts[3] === 'torn' ? 'torn' : 'damaged';
    found.push({
      name,
      kind,
      signal: parts[1] ?? '',
      start,
      end: end ?? start + size,
      bytes: size,
      at: at ?? null,
    });
  }
  return found;
}
