import { randomUUID } from 'node:crypto';
import { rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { makeFolder } from '../config/folders.js';
import { syncPath } from '../durable/index.js';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Catalog } from '../catalog/index.js';
import { defaultExtensionDir, installExtensions, LakeError, literal, openDatabase } from '../duckdb/index.js';
import { LakeInstance } from '../lake/instance.js';
import type { LakeConfig } from '../lake/index.js';
import type { Telemetry } from '../telemetry/index.js';

/** A catalog file that is being made, beside the place where it shall be. */
export interface StagingFile {
  readonly path: string;
  /** Removes what is there, if anything. */
  discard(): Promise<void>;
}

export function stagingFile(target: string): StagingFile {
  const path = `${target}.new-${randomUUID()}`;
  return {
    path,
    async discard() {
      await rm(path, { force: true });
      await rm(`${path}.wal`, { force: true });
    },
  };
}

/** Where a catalog is made before it takes its place: beside a local one, in the data folder for the other kinds. */
export function stagingTarget(catalog: Catalog, config: LakeConfig): string {
  return catalog.file ?? join(resolve(config.dataDir), 'canardstack.ducklake');
}

/** Runs `work` on a lake whose catalog is the local file `path`; it is closed, and so written whole, afterwards. */
export async function withStagedLake<T>(
  path: string,
  named: Catalog,
  config: LakeConfig,
  telemetry: Telemetry,
  work: (connection: DuckDBConnection, scratch: string) => Promise<T>,
): Promise<T> {
  const extensionDir = resolve(config.duckdbExtensionDir ?? defaultExtensionDir());
  const extensions = [...(named.dataIsLocal ? [] : ['httpfs']), 'ducklake'];
  await installExtensions({ dir: extensionDir, names: extensions, log: (line) => telemetry.log.info(line) });
  const catalog: Catalog = {
    ...named,
    kind: 'local',
    file: path,
    attachUri: `ducklake:${path}`,
    quack: null,
    extensions,
    describe: () => `catalog file ${path}`,
  };
  // The catalog's own rows stay in it: a dry run leaves no file behind.
  const dataInliningRowLimit = Math.max(config.dataInliningRowLimit, 1000);
  return LakeInstance.using(
    { catalog, config, extensionDir, dataInliningRowLimit, telemetry, readOnly: false },
    (connection, instance) => work(connection, instance.temporary),
  );
}

/** Runs `work` on the catalog file as a plain DuckDB database, attached as `file`. */
export async function withCatalogFile<T>(
  path: string,
  config: { readonly duckdbExtensionDir: string | undefined },
  readOnly: boolean,
  work: (connection: DuckDBConnection, database: string) => Promise<T>,
): Promise<T> {
  const database = await openDatabase({
    extension_directory: resolve(config.duckdbExtensionDir ?? defaultExtensionDir()),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    threads: '2',
  });
  try {
    const { connection } = await database.connect();
    try {
      await connection.run(`ATTACH ${literal(path)} AS file${readOnly ? ' (READ_ONLY)' : ''}`);
      const result = await work(connection, 'file');
      if (!readOnly) await connection.run('CHECKPOINT file');
      await connection.run('DETACH file');
      return result;
    } finally {
      connection.closeSync();
    }
  } finally {
    database.instance.closeSync();
  }
}

/**
 * Puts a staged catalog file in its place, durably. What is there moves to `<file>.replaced-<time>`, whose path is
 * given back; null when there was nothing.
 */
export async function publish(staged: string, target: string): Promise<string | null> {
  await syncPath(staged);
  await makeFolder(dirname(target));
  const stamp = new Date().toISOString().replaceAll(/[-:.]/g, '');
  const aside = join(dirname(target), `${basename(target)}.replaced-${stamp}`);
  const replaced = (await exists(target)) ? aside : null;
  if (replaced !== null) await rename(target, aside);
  // A log belongs to the file that it was written for; to the new one it would be foreign.
  if (await exists(`${target}.wal`)) await rename(`${target}.wal`, `${aside}.wal`);
  await rename(staged, target);
  await syncPath(dirname(target));
  return replaced;
}

export async function exists(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found !== null && found.size > 0;
}

export function refuseOver(file: string): LakeError {
  return new LakeError(
    'schema',
    `there is a catalog in ${file} already: nothing was changed. With --force it is kept aside and replaced`,
  );
}
