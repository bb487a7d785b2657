import { readdir, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { makeFolder } from '../config/folders.js';
import type { DuckDBConnection } from '@duckdb/node-api';
import { LakeError, firstLine, openDatabase, type RawDatabase, ident, listLiteral } from '../duckdb/index.js';
import type { Catalog } from '../catalog/index.js';
import { duckdbShares } from '../config/duckdb-memory.js';
import { defaultDuckdbMemoryBytes, machine } from '../config/effective.js';
import type { Config } from '../config/settings.js';
import type { StorageSettings } from '../storage/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { attach, type Attachment } from './attach.js';
import { BatchTableFunction } from './table-function.js';
import { inliningSetting } from './inlining.js';
import { profilingSettings } from './explain/index.js';
import { fileCacheSetting } from './files/set-aside.js';
import { uploadFolder } from './file-store.js';
import { MemoryReturn } from './memory.js';
import { ParquetWriter } from './parquet-writer.js';
import { StorageSecret } from './storage-secret.js';

/** The settings that an instance reads. */
export type InstanceConfig = StorageSettings &
  Pick<Config, 'dataDir' | 'duckdbMemoryLimitBytes' | 'duckdbThreads' | 'dataInliningRowLimit'>;

export interface InstanceOptions {
  readonly catalog: Catalog;
  readonly config: InstanceConfig;
  readonly extensionDir: string;
  /** Instead of the setting. */
  readonly dataInliningRowLimit?: number;
  readonly telemetry: Telemetry;
  readonly readOnly: boolean;
}

/**
 * One DuckDB instance with the lake attached as `lake`, locked down: it loads no more extensions, opens no
 * file outside the data folder, the catalog and its temporary folder, and its configuration can't be changed.
 */
export class LakeInstance {
  private constructor(
    private readonly database: RawDatabase,
    readonly tableFunction: BatchTableFunction,
    /** Writes Parquet files of this machine; null when nothing is written. */
    readonly parquet: ParquetWriter | null,
    private readonly secret: StorageSecret | null,
    private readonly attachment: Attachment,
    private readonly memory: MemoryReturn,
    /** The folder of its own in which DuckDB may make files; it goes with the instance. */
    readonly temporary: string,
  ) {}

  /** Throws LakeError: 'locked' when another process holds the catalog file, 'extension', 'unavailable'. */
  static async open(options: InstanceOptions): Promise<LakeInstance> {
    const { catalog, config, readOnly } = options;
    const threads = config.duckdbThreads ?? availableParallelism();
    // What `serve` gives by default.
    const memory = config.duckdbMemoryLimitBytes ?? defaultDuckdbMemoryBytes(machine().memoryBytes);
    const scratch = readOnly ? join(tmpdir(), 'canardstack') : join(resolve(config.dataDir), 'tmp');
    const temporary = join(scratch, `duckdb-${process.pid}`);
    if (!readOnly) await prepareFolders(catalog, scratch);
    const database = await openDatabase({
      extension_directory: options.extensionDir,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      allow_persistent_secrets: 'false',
      temp_directory: temporary,
      memory_limit: `${memory}B`,
      threads: String(threads),
      // Data files never change: what is kept of them stays right, and to ask the store about each is a request.
      validate_external_file_cache: 'NO_VALIDATION',
      // preserve_insertion_order stays on: without it compaction loses the sort order, and DuckLake loses the
      // match of rows and row ids, which ends in a fatal error.
    });
    let secret: StorageSecret | null = null;
    let attachment: Attachment | null = null;
    try {
      const { connection, handle } = await database.connect();
      try {
        await loadExtensions(connection, options);
        const tableFunction = new BatchTableFunction(threads);
        tableFunction.register(handle);
        secret = catalog.dataIsLocal ? null : await storageSecret(database, options);
        attachment = await attach(connection, catalog, readOnly);
        await lockDown(connection, options, temporary);
        if (!readOnly) await removeStale(scratch, temporary);
        const parquet = readOnly
          ? null
          : await ParquetWriter.open(tableFunction, duckdbShares(memory).writer);
        const own = (await database.connect()).connection;
        const keeping = new MemoryReturn(own, memory, catalog.dataIsLocal);
        return new LakeInstance(database, tableFunction, parquet, secret, attachment, keeping, temporary);
      } finally {
        connection.closeSync();
      }
    } catch (error) {
      secret?.close();
      attachment?.part();
      database.instance.closeSync();
      await attachment?.close();
      throw error;
    }
  }

  /** Opens an instance for `work` alone; it is closed, and so its catalog file written whole, afterwards. */
  static async using<T>(
    options: InstanceOptions,
    work: (connection: DuckDBConnection, instance: LakeInstance) => Promise<T>,
  ): Promise<T> {
    const instance = await LakeInstance.open(options);
    try {
      const connection = await instance.connect();
      try {
        return await work(connection, instance);
      } finally {
        connection.closeSync();
      }
    } finally {
      await instance.close();
    }
  }

  /** What an error says of a catalog server that is away; null for any other error. */
  away(error: unknown): string | null {
    return this.attachment.away(error);
  }

  /** A connection whose default schema is the lake's, unless it is `bare`: a catalog server is asked for that. */
  async connect(bare = false): Promise<DuckDBConnection> {
    const { connection } = await this.database.connect();
    try {
      if (!bare) await connection.run('USE lake.main');
      return connection;
    } catch (error) {
      connection.closeSync();
      throw error;
    }
  }

  /** Every connection must be closed before; DuckDB then writes the catalog's WAL back. */
  async close(): Promise<void> {
    this.secret?.close();
    await this.memory.stop();
    this.parquet?.close();
    this.attachment.part();
    this.database.instance.closeSync();
    await this.attachment.close();
    await rm(this.temporary, { recursive: true, force: true });
  }
}

async function prepareFolders(catalog: Catalog, scratch: string): Promise<void> {
  try {
    await makeFolder(scratch);
    if (catalog.file !== null) await makeFolder(dirname(catalog.file));
    if (catalog.dataIsLocal) await makeFolder(catalog.dataPath);
  } catch (error) {
    throw new LakeError('unavailable', `the data folder can't be written: ${firstLine(error)}`, {
      cause: error,
    });
  }
}

/** Spill files of a process that was killed. Only after the catalog is ours, so that they are nobody's. */
async function removeStale(scratch: string, own: string): Promise<void> {
  for (const name of await readdir(scratch)) {
    const path = join(scratch, name);
    if (name.startsWith('duckdb-') && path !== own) await rm(path, { recursive: true, force: true });
  }
}

async function loadExtensions(connection: DuckDBConnection, options: InstanceOptions): Promise<void> {
  for (const name of options.catalog.extensions) {
    try {
      await connection.run(`LOAD ${ident(name)}`);
    } catch (error) {
      throw new LakeError(
        'extension',
        `DuckDB extension "${name}" does not load from ${options.extensionDir}: ${firstLine(error)}`,
        { cause: error },
      );
    }
  }
}

function storageSecret(database: RawDatabase, options: InstanceOptions): Promise<StorageSecret> {
  const { catalog, config, telemetry } = options;
  return StorageSecret.install(
    catalog.dataPath,
    config,
    async (work) => {
      const { connection } = await database.connect();
      try {
        return await work(connection);
      } finally {
        connection.closeSync();
      }
    },
    telemetry,
  );
}

async function lockDown(
  connection: DuckDBConnection,
  { catalog, config, dataInliningRowLimit = config.dataInliningRowLimit }: InstanceOptions,
  temporary: string,
): Promise<void> {
  // Not as an option in the catalog: setting that one on a lake with views crashes DuckLake 1.0.
  await connection.run(`SET ${inliningSetting} = ${dataInliningRowLimit}`);
  // Over Quack the server tries again while the client waits for one answer, and that wait is bounded.
  await connection.run(`SET ducklake_max_retry_count = ${catalog.kind === 'quack' ? 8 : 20}`);
  await connection.run('SET ducklake_retry_wait_ms = 20');
  await connection.run('SET ducklake_retry_backoff = 1.5');
  if (catalog.kind === 'local' || catalog.kind === 'quack') {
    const folders = [catalog.dataPath, `${temporary}/`, `${uploadFolder(config)}/`];
    const files = catalog.file === null ? [] : [catalog.file, `${catalog.file}.wal`];
    await connection.run(`SET allowed_directories = ${listLiteral(folders)}`);
    await connection.run(`SET allowed_paths = ${listLiteral(files)}`);
    await connection.run('SET enable_external_access = false');
  }
  // Set for one connection each, by USE, the writer and an explained query; the limit is set to what it is, the cache off and on again.
  const own = ['schema', 'search_path', inliningSetting, ...profilingSettings];
  const changeable = [...own, 'memory_limit', fileCacheSetting];
  await connection.run(`SET allowed_configs = ${listLiteral(changeable)}`);
  await connection.run('SET lock_configuration = true');
}
