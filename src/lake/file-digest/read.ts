import { firstLine } from '../../duckdb/index.js';
import type { Storage } from '../../storage/index.js';
import { Counter, type Telemetry } from '../../telemetry/index.js';
import { parquetTail } from '../files/before-footer.js';
import { decodeDigest, digestLength, digestTailBytes, type FileDigest } from './format.js';

/** A digest, and where the footer of its file begins. */
export interface ReadDigest {
  readonly digest: FileDigest;
  readonly footerAt: number;
}

interface ReadDigests {
  /** By path, of those that have one that is whole. */
  readonly found: ReadonlyMap<string, ReadDigest>;
  /** Paths of files that were not looked at. */
  readonly left: readonly string[];
}

/** Whether there is place for so many bytes. */
type Takes = (length: number) => boolean;

/** Read at first of the end of a file, and then of what lies before its footer where that is longer. */
const guessBytes = 64 * 1024;
/** Digests that are read together, but for a larger one, which is read alone. */
const mostTogether = 32 * 1024 * 1024;
const readAtOnce = 16;

/** Reads the digests of data files. */
export class FileDigests {
  readonly #reads: Counter;

  constructor(
    private readonly storage: Storage,
    private readonly telemetry: Telemetry,
  ) {
    this.#reads = new Counter({
      name: 'canardstack_file_digests_total',
      help: 'Data files that were looked at for what they tell of themselves: told, none, or an error.',
      labelNames: ['result'],
      registers: [telemetry.registry],
    });
  }

  /** `files`: bytes by path. Those that are left, it was full without, or `signal` has aborted. */
  async read(files: ReadonlyMap<string, number>, signal?: AbortSignal): Promise<ReadDigests> {
    const found = new Map<string, ReadDigest>();
    const left: string[] = [];
    const waiting = [...files];
    let together = 0;
    const takes = (length: number) => {
      if (together > 0 && together + length > mostTogether) return false;
      together += length;
      return true;
    };
    const work = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [path, bytes] = next;
        if (signal?.aborted || together >= mostTogether) {
          left.push(path);
          continue;
        }
        const read = await this.#one(path, bytes, takes);
        if (read === 'full') left.push(path);
        else if (read !== null) found.set(path, read);
      }
    };
    await Promise.all(Array.from({ length: readAtOnce }, work));
    return { found, left };
  }

  async #one(path: string, bytes: number, takes: Takes): Promise<ReadDigest | 'full' | null> {
    try {
      const read = await this.#find(path, bytes, takes);
      if (read === 'full') return read;
      this.#reads.inc({ result: read === null ? 'none' : 'told' });
      return read;
    } catch (error) {
      this.#reads.inc({ result: 'error' });
      this.telemetry.log.debug({ err: firstLine(error) }, 'what a file tells of itself could not be read');
      return null;
    }
  }

  async #find(path: string, size: number, takes: Takes): Promise<ReadDigest | 'full' | null> {
    const { url } = this.storage;
    if (!path.startsWith(url)) return null;
    const key = path.slice(url.length);
    const from = Math.max(0, size - guessBytes);
    const end = await this.storage.getRange(key, from, size);
    if (end.length !== size - from || end.length < parquetTail) return null;
    const footerAt = size - parquetTail - end.readUInt32LE(end.length - parquetTail);
    if (footerAt < digestTailBytes) return null;
    const begin = Math.max(0, footerAt - guessBytes);
    const before =
      footerAt - digestTailBytes >= from
        ? end.subarray(0, footerAt - from)
        : await this.storage.getRange(key, begin, footerAt);
    const length = digestLength(before.subarray(-digestTailBytes));
    if (length === 0 || length > footerAt) return null;
    if (!takes(length)) return 'full';
    const whole =
      length <= before.length
        ? before.subarray(-length)
        : await this.storage.getRange(key, footerAt - length, footerAt);
    const digest = decodeDigest(Buffer.from(whole));
    return digest && { digest, footerAt };
  }
}
