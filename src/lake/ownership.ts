import { open, rm, stat } from 'node:fs/promises';
import type { Catalog } from '../catalog/index.js';
import {
  catalogFileForReading,
  LeaseHeldError,
  LeaseLostError,
  takeCatalog,
  type CatalogOwnership,
} from '../catalog/lease/index.js';
import type { Config } from '../config/settings.js';
import { firstLine, LakeError } from '../duckdb/index.js';
import { openStorage, type StorageSettings } from '../storage/index.js';
import type { Telemetry } from '../telemetry/index.js';
import type { MaintenanceLock } from './maintenance/lock.js';

/** A DuckDB file is larger than its three headers. */
const headerBytes = 3 * 4096;

export type OwnershipConfig = StorageSettings &
  Partial<Pick<Config, 'catalogLeaseSecs' | 'catalogIgnoreFileLock' | 'catalogCreateOverData'>>;

/** A local catalog with the file that is to be opened, and the lease on it; other catalogs as they are. */
export interface OwnedCatalog {
  readonly catalog: Catalog;
  /** Null for reading only, and for catalogs that a server owns. */
  readonly ownership: CatalogOwnership | null;
}

/** Throws LakeError('locked') when another process owns the catalog file. */
export async function ownCatalog(
  catalog: Catalog,
  config: OwnershipConfig,
  telemetry: Telemetry,
  readOnly: boolean,
): Promise<OwnedCatalog> {
  if (catalog.file === null) return { catalog, ownership: null };
  const { file } = catalog;
  const leaseSecs = config.catalogLeaseSecs;
  const options = {
    telemetry,
    ignoreFileLock: config.catalogIgnoreFileLock ?? false,
    ...(leaseSecs === undefined ? {} : { leaseSecs }),
  };
  try {
    if (readOnly)
      return { catalog: at(catalog, await catalogFileForReading(file, options)), ownership: null };
    const ownership = await takeCatalog(file, options);
    return { catalog: at(catalog, ownership.file), ownership };
  } catch (error) {
    if (error instanceof LeaseHeldError || error instanceof LeaseLostError) {
      throw new LakeError('locked', error.message, { cause: error });
    }
    throw new LakeError('unavailable', `the catalog ${file} can't be taken: ${firstLine(error)}`, {
      cause: error,
    });
  }
}

/** Maintenance of a local catalog: refused without the lease, and stopped when it is lost. */
export function ownerLock(ownership: CatalogOwnership): MaintenanceLock {
  const lost = new AbortController();
  ownership.onLost((reason) => lost.abort(new LakeError('unavailable', notOwned(reason))));
  return {
    tryAcquire() {
      if (!ownership.confirm()) return Promise.reject(new LakeError('unavailable', notOwned()));
      return Promise.resolve({ lost: lost.signal, release: () => Promise.resolve() });
    },
  };
}

/** Throws LakeError('unavailable') when the lease on the catalog does not hold. */
export function assertOwned(ownership: Pick<CatalogOwnership, 'confirm'> | null): void {
  if (ownership?.confirm() === false) throw new LakeError('unavailable', notOwned());
}

function notOwned(reason?: string): string {
  const why = reason === undefined ? '' : `: ${reason}`;
  return `this process does not own the catalog any more${why}`;
}

function at(catalog: Catalog, file: string): Catalog {
  return { ...catalog, file, attachUri: `ducklake:${file}` };
}

/**
 * Before the owner opens a local catalog: refuses to make one anew in place of a lost one, and removes what a first
 * start left that was killed before DuckDB had written its headers, which it would not open. What else is there in its
 * place is somebody's, and stays. Throws LakeError('schema').
 */
export async function refuseNewFile(catalog: Catalog, config: OwnershipConfig): Promise<void> {
  if (catalog.file === null) return;
  const size = await stat(catalog.file).then(
    (found) => found.size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw new LakeError('unavailable', `the catalog can't be looked at: ${error.message}`);
    },
  );
  if (size !== null && size >= headerBytes) return;
  if (size !== null && !(await isUnfinished(catalog.file))) {
    throw new LakeError(
      'schema',
      `the catalog ${catalog.file} is damaged, or no catalog: it is too short (${size} bytes) and does not begin as one. ` +
        `It is left alone: "canardstack catalog restore --force" puts a backup in its place and keeps it aside, ` +
        `CANARDSTACK_DUCKLAKE_CATALOG_PATH names another file`,
    );
  }
  await refuseOverData(catalog, config);
  if (size !== null) await rm(catalog.file);
}

/** Nothing, zeros (a file whose size was on disk before its pages), or DuckDB's mark after the checksum of its first page. */
async function isUnfinished(file: string): Promise<boolean> {
  const handle = await open(file, 'r');
  try {
    const bytes = await handle.readFile();
    return bytes.every((byte) => byte === 0) || bytes.toString('latin1', 8, 12) === 'DUCK';
  } finally {
    await handle.close();
  }
}

/** For a catalog without tables: throws LakeError('schema') when its data path holds Parquet files. */
export async function refuseOverData(catalog: Catalog, config: OwnershipConfig): Promise<void> {
  if (config.catalogCreateOverData === true) return;
  const found = await anyParquet(catalog, config);
  if (found === null) return;
  throw new LakeError(
    'schema',
    `${catalog.describe()} is empty, but ${catalog.dataPath} holds Parquet files already (${found}): a new catalog ` +
      `would not know them. "canardstack catalog restore" brings a backup back, "canardstack catalog rebuild" ` +
      `makes a catalog from the Parquet files; CANARDSTACK_CATALOG_CREATE_OVER_DATA=true starts with an empty ` +
      `one all the same, and leaves the files alone`,
  );
}

async function anyParquet(catalog: Catalog, config: OwnershipConfig): Promise<string | null> {
  const storage = openStorage(catalog.dataPath, config);
  try {
    for await (const { key } of storage.list()) if (key.endsWith('.parquet')) return key;
    return null;
  } catch (error) {
    throw new LakeError('unavailable', `${catalog.dataPath} can't be listed: ${firstLine(error)}`, {
      cause: error,
    });
  } finally {
    storage.close();
  }
}
