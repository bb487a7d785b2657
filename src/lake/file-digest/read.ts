import { firstLine } from '../../duckdb/index.js';
import type { Storage } from '../../storage/index.js';
import { Counter, type Telemetry } from '../../telemetry/index.js';
import { decodeDigest, digestLength, digestTailBytes, type FileDigest } from './format.js';

/** A digest, and where the footer of its file begins. */
export interface ReadDigest {
  readonly digest: FileDigest;
  readonly footerAt: number;
}

/** Of a footer and a digest together, which most files have less of. */
const guessBytes = 512 * 1024;
const parquetTail = 8;
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

  /** By path, of those that have one that is whole. `files`: bytes by path. */
  async read(files: ReadonlyMap<string, number>): Promise<Map<string, ReadDigest>> {
    const found = new Map<string, ReadDigest>();
    const waiting = [...files];
    const work = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [path, bytes] = next;
        const read = await this.#one(path, bytes);
        if (read !== null) found.set(path, read);
      }
    };
    await Promise.all(Array.from({ length: readAtOnce }, work));
    return found;
  }

  async #one(path: string, bytes: number): Promise<ReadDigest | null> {
    try {
      const read = await this.#find(path, bytes);
      this.#reads.inc({ result: read === null ? 'none' : 'told' });
      return read;
    } catch (error) {
      this.#reads.inc({ result: 'error' });
      this.telemetry.log.debug({ err: firstLine(error) }, 'what a file tells of itself could not be read');
      return null;
    }
  }

  async #find(path: string, size: number): Promise<ReadDigest | null> {
    const { url } = this.storage;
    if (!path.startsWith(url)) return null;
    const key = path.slice(url.length);
    const from = Math.max(0, size - guessBytes);
    const end = await this.storage.getRange(key, from, size);
    if (end.length !== size - from || end.length < parquetTail) return null;
    const footerAt = size - parquetTail - end.readUInt32LE(end.length - parquetTail);
    const range = async (begin: number, until: number) =>
      begin >= from ? end.subarray(begin - from, until - from) : this.storage.getRange(key, begin, until);
    if (footerAt < digestTailBytes) return null;
    const length = digestLength(await range(footerAt - digestTailBytes, footerAt));
    if (length === 0 || length > footerAt) return null;
    const digest = decodeDigest(Buffer.from(await range(footerAt - length, footerAt)));
    return digest && { digest, footerAt };
  }
}
