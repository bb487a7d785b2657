import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeFolder } from '../config/folders.js';
import type { DuckDBConnection } from '@duckdb/node-api';
import { firstLine, literal } from '../duckdb/index.js';
import { Gauge, type Logger, type Telemetry } from '../telemetry/index.js';
import type { FileStore } from './file-store.js';

/** By then a COMMIT whose answer was lost has been done or has failed; commits are interrupted far sooner. */
const certainMs = 15 * 60_000;

export interface PendingFilesOptions {
  /** Keeps a note for each file, so that files of a killed process are found. */
  readonly folder: string;
  readonly fileStore: FileStore;
  /** True when no COMMIT of an earlier process can still be on its way: the catalog lived in that process. */
  readonly settledByRestart: boolean;
  readonly telemetry: Telemetry;
}

interface Pending {
  readonly target: string;
  /** Streams whose watermarks the commit moves. */
  readonly streams: readonly string[];
  /** When this process began to watch it, by the monotonic clock. */
  readonly since: number;
  /** `open`: its commit runs; `dead`: it did not happen; `unknown`: the catalog tells, once it is certain. */
  state: 'open' | 'dead' | 'unknown';
  /** Of an earlier process. */
  readonly inherited: boolean;
}

/**
 * Files that were made for commits, until it is known whether the lake has them. Those that it does not have are
 * deleted, at once or, when storage, catalog or this process were away, after a later commit.
 */
export class PendingFiles {
  readonly #files = new Map<string, Pending>();
  readonly #log: Logger;
  #ready = false;

  private constructor(private readonly options: PendingFilesOptions) {
    this.#log = options.telemetry.log;
    const files = this.#files;
    new Gauge({
      name: 'canardstack_lake_pending_files',
      help: 'Parquet files made for commits of which it is not yet known whether they happened.',
      registers: [options.telemetry.registry],
      collect() {
        this.set(files.size);
      },
    });
  }

  /** With the notes that an earlier process left. */
  static async open(options: PendingFilesOptions): Promise<PendingFiles> {
    const pending = new PendingFiles(options);
    for (const name of await notes(options.folder)) {
      const note = join(options.folder, name);
      const found = parseNote(await readFile(note, 'utf8'));
      // Torn, so its file was not yet begun.
      if (found === null) await rm(note, { force: true });
      else
        pending.#files.set(found.target, {
          ...found,
          since: performance.now(),
          state: 'unknown',
          inherited: true,
        });
    }
    return pending;
  }

  get size(): number {
    return this.#files.size;
  }

  /** Before the file is begun. */
  async add(target: string, streams: readonly string[]): Promise<void> {
    if (!this.#ready) await makeFolder(this.options.folder);
    this.#ready = true;
    await writeFile(this.#note(target), JSON.stringify({ target, streams, since: Date.now() }));
    this.#files.set(target, { target, streams, since: performance.now(), state: 'open', inherited: false });
  }

  /** The commit happened. Never rejects: a note that can't be removed is settled later. */
  async committed(targets: readonly string[]): Promise<void> {
    for (const target of targets) {
      await this.#forget(target).catch(() => this.#mark([target], 'unknown'));
    }
  }

  /** Nothing lies under this name any more. */
  async released(target: string): Promise<void> {
    await this.#forget(target);
  }

  /** The commit is certain not to have happened. */
  async failed(targets: readonly string[]): Promise<void> {
    this.#mark(targets, 'dead');
    await this.#discardDead();
  }

  /** Nobody knows; the files stay until it is certain. */
  unknown(targets: readonly string[]): void {
    this.#mark(targets, 'unknown');
  }

  /**
   * Asks the catalog about files whose commit can't happen any more: a later commit of one of their streams would
   * have conflicted with it. `committed`: the streams of such a commit. Never rejects; what fails stays for later.
   */
  async settle(connection: DuckDBConnection, committed: readonly string[] = []): Promise<void> {
    const certain = [...this.#files.values()].filter(
      (file) =>
        file.state === 'unknown' &&
        ((file.inherited && this.options.settledByRestart) ||
          file.since < performance.now() - certainMs ||
          file.streams.some((stream) => committed.includes(stream))),
    );
    try {
      if (certain.length > 0) {
        const known = await knownFiles(connection, certain);
        for (const file of certain) {
          if (known.has(basename(file.target))) await this.#forget(file.target);
          else file.state = 'dead';
        }
      }
      await this.#discardDead();
    } catch (error) {
      this.#log.warn({ err: firstLine(error) }, 'files of failed commits are not settled yet');
    }
  }

  #mark(targets: readonly string[], state: 'dead' | 'unknown'): void {
    for (const target of targets) {
      const file = this.#files.get(target);
      if (file) file.state = state;
    }
  }

  async #discardDead(): Promise<void> {
    for (const { target, state } of this.#files.values()) {
      if (state !== 'dead') continue;
      try {
        await this.options.fileStore.discard(target);
        await this.#forget(target);
      } catch (error) {
        this.#log.warn({ file: target, err: firstLine(error) }, 'the file of a failed commit stays for now');
        return;
      }
    }
  }

  async #forget(target: string): Promise<void> {
    await rm(this.#note(target), { force: true });
    this.#files.delete(target);
  }

  #note(target: string): string {
    return join(this.options.folder, `${basename(target)}.json`);
  }
}

/** Names of those files that the catalog knows, whether the current snapshot has them or an older one. */
async function knownFiles(connection: DuckDBConnection, files: readonly Pending[]): Promise<Set<string>> {
  const names = files.map(({ target }) => literal(basename(target))).join(', ');
  const found = new Set<string>();
  // One statement for each: a catalog server can't read two of its tables in one.
  for (const table of ['ducklake_data_file', 'ducklake_files_scheduled_for_deletion']) {
    const reader = await connection.runAndReadAll(
      `SELECT name FROM (SELECT parse_filename(path) AS name FROM __ducklake_metadata_lake.${table})
       WHERE name IN (${names})`,
    );
    for (const [name] of reader.getRows()) found.add(String(name));
  }
  return found;
}

async function notes(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function parseNote(text: string): Pick<Pending, 'target' | 'streams'> | null {
  try {
    const { target, streams } = JSON.parse(text) as Record<string, unknown>;
    if (typeof target !== 'string' || !Array.isArray(streams)) return null;
    return { target, streams: streams.map(String) };
  } catch {
    return null;
  }
}
