import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { fixedDuckdbMemory } from '../../config/duckdb-memory.js';
import { isFatal, listLiteral, openDatabase, type RawDatabase } from '../../duckdb/index.js';
import { Counter, Gauge, type Telemetry } from '../../telemetry/index.js';
import { profilingSettings } from '../explain/index.js';

/** A data file of this machine that a statement reads. */
export interface FootedFile {
  readonly path: string;
  readonly footerBytes: number;
}

export interface KeptFootersOptions {
  /** The folder of the data files, with a slash at its end. */
  readonly folder: string;
  /** Where DuckDB may make files; asked each time that an instance is opened. */
  readonly temporary: () => string;
  readonly threads: number;
  readonly telemetry: Telemetry;
  /** Of all footers that are kept. */
  readonly mostBytes?: number;
  /** An instance that is full is not replaced before. */
  readonly shortestLifeMs?: number;
}

/** A connection on which statements that read these files alone find their footers. */
export interface Reading {
  readonly connection: DuckDBConnection;
  /** `error`: that the statement ended with. The connection is not used any more. */
  done(error?: unknown): void;
}

interface Instance {
  readonly database: RawDatabase;
  readonly opened: number;
  /** Whose footers it has, by path. */
  readonly files: Set<string>;
  bytes: number;
  readonly idle: DuckDBConnection[];
  reading: number;
  retired: boolean;
}

/** In memory a footer takes so many times its length, or less: 0.7 to 0.9 KiB for each column of a row group, of which it tells in 85 to 145 bytes. */
const inMemory = 10;
const defaultMostBytes = 96 * 1024 * 1024;
const defaultShortestLifeMs = 60_000;
/** Of one statement; more are read by few. */
const mostFiles = 64;

/**
 * A DuckDB that only reads data files, and keeps their footers as parsed, which takes longer than to find and read a row. DuckDB gives none
 * of them back before it is closed and counts a seventh of what they take, so they are not kept where the lake is attached: this
 * one is closed, and another opened, when it has too many.
 */
export class KeptFooters {
  #current: Promise<Instance> | null = null;
  #bytes = 0;
  #closed = false;
  readonly #instances = new Set<Instance>();
  readonly #statements: Counter;

  constructor(private readonly options: KeptFootersOptions) {
    const registers = [options.telemetry.registry];
    const bytes = () => this.#bytes;
    new Gauge({
      name: 'canardstack_footer_cache_memory_bytes',
      help: "About what the kept footers of data files take, which DuckDB's memory limit knows nothing of.",
      registers,
      collect() {
        this.set(bytes());
      },
    });
    this.#statements = new Counter({
      name: 'canardstack_footer_cache_statements_total',
      help: 'Statements that read data files alone, by whether kept footers were used: kept, full, failed.',
      labelNames: ['outcome'],
      registers,
    });
  }

  /** Null where the files are read as well without. */
  async acquire(files: readonly FootedFile[]): Promise<Reading | null> {
    if (this.#closed || files.length > mostFiles) return null;
    try {
      const instance = await this.#with(files);
      if (instance === null) this.#statements.inc({ outcome: 'full' });
      return instance && (await this.#reading(instance));
    } catch (error) {
      this.options.telemetry.log.debug({ err: error }, 'footers can not be kept');
      return null;
    }
  }

  /** One that has room for the footers of these files; null when there is none at the moment. */
  async #with(files: readonly FootedFile[]): Promise<Instance | null> {
    const { mostBytes = defaultMostBytes, shortestLifeMs = defaultShortestLifeMs } = this.options;
    const instance = await (this.#current ??= this.#opened());
    if (this.#closed) return null;
    if (instance.retired) return this.#with(files);
    const more = files.filter(({ path }) => !instance.files.has(path));
    const bytes = sizeOf(more);
    if (instance.bytes + bytes > mostBytes) {
      if (sizeOf(files) > mostBytes || performance.now() - instance.opened < shortestLifeMs) return null;
      this.#retire(instance);
      return this.#with(files);
    }
    for (const { path } of more) instance.files.add(path);
    instance.bytes += bytes;
    this.#bytes += bytes;
    return instance;
  }

  async #reading(instance: Instance): Promise<Reading> {
    instance.reading++;
    let connection: DuckDBConnection | undefined;
    try {
      connection = instance.idle.pop() ?? (await connected(instance.database));
    } catch (error) {
      this.#given(instance);
      throw error;
    }
    const used = connection;
    return {
      connection: used,
      done: (error) => {
        this.#statements.inc({ outcome: error === undefined ? 'kept' : 'failed' });
        if (error === undefined && !instance.retired) instance.idle.push(used);
        else used.closeSync();
        if (isFatal(error)) this.#retire(instance);
        this.#given(instance);
      },
    };
  }

  #given(instance: Instance): void {
    instance.reading--;
    this.#closeUnused(instance);
  }

  /** No more statements get it. */
  #retire(instance: Instance): void {
    if (instance.retired) return;
    instance.retired = true;
    this.#current = null;
    this.#closeUnused(instance);
  }

  #closeUnused(instance: Instance): void {
    if (!instance.retired || instance.reading > 0 || !this.#instances.delete(instance)) return;
    for (const connection of instance.idle.splice(0)) connection.closeSync();
    instance.database.instance.closeSync();
    this.#bytes -= instance.bytes;
  }

  async #opened(): Promise<Instance> {
    try {
      return await this.#open();
    } catch (error) {
      this.#current = null;
      throw error;
    }
  }

  async #open(): Promise<Instance> {
    const { folder, threads } = this.options;
    // DuckDB names what it spills alike in each instance, and removes all of it when one ends.
    const temporary = join(this.options.temporary(), `footers-${randomUUID()}`);
    const database = await openDatabase({
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      allow_persistent_secrets: 'false',
      temp_directory: temporary,
      memory_limit: `${fixedDuckdbMemory.footers}B`,
      threads: String(threads),
      // The system has the files in memory, and the other instance parts of them.
      enable_external_file_cache: 'false',
    });
    try {
      const connection = await connected(database);
      // What tells how a statement ran is written beside.
      const allowed = [folder, `${this.options.temporary()}/`];
      await connection.run(`SET allowed_directories = ${listLiteral(allowed)}`);
      await connection.run('SET enable_external_access = false');
      await connection.run(`SET allowed_configs = ${listLiteral([cacheSetting, ...profilingSettings])}`);
      await connection.run('SET lock_configuration = true');
      const instance = {
        ...{ database, opened: performance.now(), files: new Set<string>(), bytes: 0 },
        ...{ idle: [connection], reading: 0, retired: false },
      };
      this.#instances.add(instance);
      return instance;
    } catch (error) {
      database.instance.closeSync();
      throw error;
    }
  }

  /** Statements that still run end first. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#current?.catch(() => undefined);
    for (const instance of this.#instances) this.#retire(instance);
  }
}

/** Of one connection. */
const cacheSetting = 'parquet_metadata_cache';

async function connected(database: RawDatabase): Promise<DuckDBConnection> {
  const { connection } = await database.connect();
  await connection.run(`SET SESSION ${cacheSetting} = true`);
  return connection;
}

function sizeOf(files: readonly FootedFile[]): number {
  return files.reduce((sum, { footerBytes }) => sum + footerBytes * inMemory, 0);
}
