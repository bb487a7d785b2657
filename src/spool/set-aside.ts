import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Counter, Gauge, type Registry } from '../telemetry/index.js';
import type { ContentEncoding, DecodeLimits, Payload, PayloadFormat, Signal } from '../schema/index.js';
import { KeepFullError, type KeepFolder } from './keep.js';
import { syncPath } from '../durable/index.js';
import type { SpoolEntry } from './range.js';

/** `poison`: can't be decoded or committed; `crash`: the process, or its database, died at it. */
export type SetAsideCause = 'poison' | 'crash';

/** A record that was taken out of the stream; its file holds the body as it was received. */
export interface SetAsideRecord {
  /** Of its file in `poison/`. */
  readonly name: string;
  readonly signal: Signal;
  readonly cause: SetAsideCause;
  readonly reason: string;
  /** Times that the process or its database died at it; 0 for poison. */
  readonly deaths: number;
  /** Received bytes, still encoded. */
  readonly bytes: number;
  readonly format: PayloadFormat;
  readonly encoding: ContentEncoding;
  /** ISO 8601. */
  readonly receivedAt: string;
  /** ISO 8601; null when it is not known (an older release set it aside). */
  readonly setAsideAt: string | null;
  /** Where it lay in its stream. */
  readonly start: number;
  readonly end: number;
}

/** The note beside the file. */
interface About extends Omit<SetAsideRecord, 'name' | 'cause' | 'setAsideAt' | 'deaths'> {
  readonly deaths?: number;
  readonly setAsideAt?: string;
  readonly receivedAtNs: string;
  readonly minTimeNs?: string;
  readonly maxTimeNs?: string;
  readonly limits?: DecodeLimits;
  readonly parameters?: string;
}

const extensions: Readonly<Record<SetAsideCause, string>> = { poison: 'rec', crash: 'crash' };
const namePattern = /^(logs|traces|metrics)-\d{20}\.(rec|crash)$/;
/** A record on its way back into its stream: a whole segment, which a rename puts there. */
const returning = '.retry';
const maxInt64 = 2n ** 63n - 1n;

/** The name of a record's file, when `text` is one. */
export function isSetAsideName(text: string): boolean {
  return namePattern.test(text);
}

/** All records in the `poison/` folder at `folder`, the oldest first. Needs no lock. */
export async function listSetAside(folder: string): Promise<SetAsideRecord[]> {
  const records: SetAsideRecord[] = [];
  for (const name of await namesIn(folder)) {
    const about = await readAbout(folder, name);
    if (about) records.push(recordOf(name, about));
  }
  return records.sort((a, b) => (a.receivedAt < b.receivedAt ? -1 : 1));
}

/** One record with its payload; null when there is none of that name. Needs no lock. */
export async function readSetAside(
  folder: string,
  name: string,
): Promise<{ readonly record: SetAsideRecord; readonly payload: Payload } | null> {
  if (!isSetAsideName(name) || !(await namesIn(folder)).includes(name)) return null;
  const about = await readAbout(folder, name);
  if (!about) return null;
  const whole = await readFile(join(folder, name)).catch(() => null);
  const staged = whole ?? (await readFile(join(folder, name + returning)));
  // The end of a staged segment.
  const body = staged.subarray(staged.byteLength - about.bytes);
  const payload: Payload = {
    format: about.format,
    ...(about.parameters === undefined ? {} : { parameters: about.parameters }),
    encoding: about.encoding,
    receivedAtNs: BigInt(about.receivedAtNs),
    // Older releases didn't note these; what was accepted then is not refused now.
    minTimeNs: BigInt(about.minTimeNs ?? -maxInt64),
    maxTimeNs: BigInt(about.maxTimeNs ?? maxInt64),
    ...(about.limits ? { limits: about.limits } : {}),
    body: new Uint8Array(body),
  };
  return { record: recordOf(name, about), payload };
}

function recordOf(name: string, about: About): SetAsideRecord {
  const {
    signal,
    reason,
    format,
    encoding,
    receivedAt,
    start,
    end,
    bytes,
    deaths = 0,
    setAsideAt = null,
  } = about;
  const cause: SetAsideCause = name.endsWith(`.${extensions.crash}`) ? 'crash' : 'poison';
  return { name, signal, cause, reason, deaths, bytes, format, encoding, receivedAt, setAsideAt, start, end };
}

async function readAbout(folder: string, name: string): Promise<About | null> {
  try {
    const about = JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8')) as About;
    return { ...about, signal: name.slice(0, name.indexOf('-')) as Signal };
  } catch {
    return null;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const plain = names.map((name) => (name.endsWith(returning) ? name.slice(0, -returning.length) : name));
  return [...new Set(plain.filter(isSetAsideName))];
}

/** The records set aside by one spool: kept, counted, and given back. */
export class SetAside {
  readonly #counts = new Map<string, number>();
  #bytes = 0;
  readonly #total: Counter<'signal' | 'cause'>;

  private constructor(
    private readonly folder: string,
    private readonly keep: KeepFolder,
    registry: Registry,
  ) {
    const registers = [registry];
    this.#total = new Counter({
      name: 'canardstack_spool_set_aside_total',
      help: 'Records taken out of their stream and kept in poison/, by cause: poison (never commits) or crash (the process died at it twice).',
      labelNames: ['signal', 'cause'],
      registers,
    });
    const counts = this.#counts;
    new Gauge({
      name: 'canardstack_spool_set_aside_records',
      help: 'Records kept in poison/ that were acknowledged and are not in the lake, by cause.',
      labelNames: ['signal', 'cause'],
      registers,
      collect() {
        this.reset();
        for (const [key, count] of counts) {
          const [signal = '', cause = ''] = key.split(' ');
          this.set({ signal, cause }, count);
        }
      },
    });
    const bytes = () => this.#bytes;
    new Gauge({
      name: 'canardstack_spool_set_aside_bytes',
      help: 'Bytes of records kept in poison/.',
      registers,
      collect() {
        this.set(bytes());
      },
    });
    new Gauge({
      name: 'canardstack_spool_set_aside_limit_bytes',
      help: 'Bytes in poison/ from which on nothing more is set aside, and sealing waits.',
      registers,
    }).set(keep.maxBytes);
  }

  /** Tidies up what a return left that was cut short. */
  static async open(folder: string, keep: KeepFolder, registry: Registry): Promise<SetAside> {
    const names = await readdir(folder);
    for (const name of names) {
      const of = name.replace(/\.json$/, '');
      const half = name.endsWith(returning) && names.includes(name.slice(0, -returning.length));
      const lone =
        isSetAsideName(of) && of !== name && !names.includes(of) && !names.includes(of + returning);
      if (half || lone) await rm(join(folder, name), { force: true });
    }
    const setAside = new SetAside(folder, keep, registry);
    await setAside.count();
    return setAside;
  }

  /** Records of one cause, or of both. */
  records(cause?: SetAsideCause): number {
    let sum = 0;
    for (const [key, count] of this.#counts) if (!cause || key.endsWith(` ${cause}`)) sum += count;
    return sum;
  }

  /** Of what is kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** From which on nothing more is set aside. */
  get limitBytes(): number {
    return this.keep.maxBytes;
  }

  list(): Promise<SetAsideRecord[]> {
    return listSetAside(this.folder);
  }

  read(name: string): ReturnType<typeof readSetAside> {
    return readSetAside(this.folder, name);
  }

  /** Keeps the record, durably. Rejects when that is not possible, or as much is kept as may be: what was acknowledged is not dropped. */
  async add(signal: Signal, stream: string, entry: SpoolEntry, why: SetAsideWhy): Promise<string> {
    const { body, format, parameters, encoding, receivedAtNs, minTimeNs, maxTimeNs, limits } = entry.payload;
    const cause: SetAsideCause = why.deaths === undefined ? 'poison' : 'crash';
    const name = `${signal}-${String(entry.start).padStart(20, '0')}.${extensions[cause]}`;
    await this.#write(name, body, {
      stream,
      start: entry.start,
      end: entry.end,
      reason: why.reason,
      ...(why.deaths === undefined ? {} : { deaths: why.deaths }),
      setAsideAt: new Date().toISOString(),
      format,
      encoding,
      receivedAt: new Date(Number(receivedAtNs / 1_000_000n)).toISOString(),
      receivedAtNs: receivedAtNs.toString(),
      minTimeNs: minTimeNs.toString(),
      maxTimeNs: maxTimeNs.toString(),
      ...(limits ? { limits } : {}),
      ...(parameters === undefined ? {} : { parameters }),
      bytes: body.byteLength,
    });
    this.#total.inc({ signal, cause });
    await this.count();
    return name;
  }

  async #write(name: string, body: Uint8Array, about: object): Promise<void> {
    try {
      await this.keep.write(name, [body], about);
    } catch (error) {
      if (!(error instanceof KeepFullError)) throw error;
      throw new Error(
        `${error.message} (CANARDSTACK_RAW_SPOOL_SET_ASIDE_BYTES): "canardstack spool list" shows what is there; ` +
          `retry it, or export and remove it`,
        { cause: error },
      );
    }
  }

  /** Where a segment is made that holds the record, on the file system of the stream's folder. */
  stagedPath(name: string): string {
    return join(this.folder, name + returning);
  }

  /** The staged segment is whole: from now on it alone is the record. */
  async staged(name: string): Promise<void> {
    await syncPath(this.folder);
    await rm(join(this.folder, name), { force: true });
    await syncPath(this.folder);
  }

  /** The staged segment is in the stream. */
  async returned(name: string): Promise<void> {
    await rm(join(this.folder, `${name}.json`), { force: true });
    await syncPath(this.folder).catch(() => undefined);
    await this.count();
  }

  /** Deletes the record for good. */
  async remove(name: string): Promise<void> {
    if (!isSetAsideName(name)) return;
    for (const suffix of ['', returning, '.json'])
      await rm(join(this.folder, name + suffix), { force: true });
    await syncPath(this.folder);
    await this.count();
  }

  async count(): Promise<void> {
    this.#bytes = await this.keep.bytes();
    this.#counts.clear();
    for (const name of await namesIn(this.folder)) {
      const cause: SetAsideCause = name.endsWith(`.${extensions.crash}`) ? 'crash' : 'poison';
      const key = `${name.slice(0, name.indexOf('-'))} ${cause}`;
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    }
  }
}

export interface SetAsideWhy {
  readonly reason: string;
  /** Set for records at which the process died: how often. */
  readonly deaths?: number;
}
