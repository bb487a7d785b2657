import type { Config } from '../config/settings.js';
import type { Registry } from '../telemetry/index.js';
import type { Contents } from './contents.js';

export interface StoredObject {
  /** Relative to the storage's URL, `/` between its parts. */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  readonly modifiedMs: number;
}

/** The settings that reach an object store. */
export type StorageSettings = Pick<
  Config,
  | 's3Endpoint'
  | 's3Region'
  | 's3UrlStyle'
  | 's3UseSsl'
  | 's3TimeoutMs'
  | 's3Attempts'
  | 'gcsHmacKeyId'
  | 'gcsHmacSecret'
>;

export interface StorageOptions {
  /** Counts requests there; several storages may share one. */
  readonly registry?: Registry;
}

/** A folder of this machine or a prefix of an object store. Every method rejects with StorageError, in bounded time. */
export interface Storage {
  /** The folder or URL, with a trailing slash. */
  readonly url: string;
  readonly isLocal: boolean;
  /** All objects whose keys start with `prefix`, in no promised order, a page at a time. */
  list(prefix?: string): AsyncIterable<StoredObject>;
  get(key: string): Promise<Buffer>;
  /** Bytes `from` (included) to `until` (not included), fewer where the object ends before. */
  getRange(key: string, from: number, until: number): Promise<Buffer>;
  /** Writes the object to `localPath`, which is there only when whole. */
  getFile(key: string, localPath: string): Promise<void>;
  /** Durable, and whole for every reader, when resolved. */
  put(key: string, body: Buffer): Promise<void>;
  putFile(key: string, localPath: string): Promise<void>;
  /** Also resolves when there is no such object. */
  delete(key: string): Promise<void>;
  stat(key: string): Promise<StoredObject | null>;
  /** Reads the object whole; null when there is none. */
  contents(key: string): Promise<Contents | null>;
  /** Durable when resolved, and then the object is no longer under its former key. */
  move(key: string, to: string): Promise<void>;
  /** Lists the URL itself with and without its trailing slash: bucket policies may allow one and not the other. */
  checkListable(): Promise<void>;
  close(): void;
}
