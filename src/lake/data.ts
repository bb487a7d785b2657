import { join, resolve } from 'node:path';
import type { Catalog } from '../catalog/index.js';
import { firstLine, LakeError } from '../duckdb/index.js';
import {
  openStorage,
  probeStorage,
  StorageError,
  type Storage,
  type StorageSettings,
} from '../storage/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { within } from '../timeout/index.js';
import { PendingFiles } from './pending-files.js';
import { localFileStore, remoteFileStore, uploadFolder, type FileStore } from './file-store.js';

export interface OpenDataOptions {
  readonly catalog: Catalog;
  readonly config: StorageSettings & { readonly dataDir: string };
  readonly telemetry: Telemetry;
  readonly readOnly: boolean;
}

/** Where the lake's Parquet files are. */
export interface LakeData {
  readonly storage: Storage;
  readonly fileStore: FileStore;
  readonly pending: PendingFiles;
  /** Rejects with a reason when an object store does not answer; asks it seldom. */
  ping(): Promise<void>;
  close(): void;
}

const pingEveryMs = 10_000;
const pingTimeoutMs = 4000;

/**
 * Opens the lake's data path; probes an object store. Throws LakeError('unavailable') when something is wrong that
 * only a person can mend. A store that does not answer at the moment is no reason not to start: ingest goes on.
 */
export async function openData(options: OpenDataOptions): Promise<LakeData> {
  const { catalog, config, telemetry, readOnly } = options;
  const storage = open(catalog, config, telemetry);
  try {
    if (!catalog.dataIsLocal && !readOnly) await probe(storage, telemetry);
    const fileStore = catalog.dataIsLocal
      ? localFileStore(storage)
      : remoteFileStore(storage, uploadFolder(config));
    const pending = await PendingFiles.open({
      folder: join(resolve(config.dataDir), 'pending-files'),
      fileStore,
      settledByRestart: catalog.kind === 'local',
      telemetry,
    });
    const ping = catalog.dataIsLocal ? () => Promise.resolve() : pinger(storage);
    return { storage, fileStore, pending, ping, close: () => storage.close() };
  } catch (error) {
    storage.close();
    throw error;
  }
}

function open(catalog: Catalog, config: StorageSettings, { registry }: Telemetry): Storage {
  try {
    return openStorage(catalog.dataPath, config, { registry });
  } catch (error) {
    throw new LakeError('unavailable', `the data path can't be used: ${firstLine(error)}`, { cause: error });
  }
}

async function probe(storage: Storage, { log }: Telemetry): Promise<void> {
  try {
    await probeStorage(storage);
  } catch (error) {
    if (error instanceof StorageError && error.kind === 'unavailable') {
      log.error({ err: error.message }, 'the object store does not answer; starting all the same');
      return;
    }
    throw new LakeError('unavailable', `the object store can't be used: ${firstLine(error)}`, {
      cause: error,
    });
  }
}

function pinger(storage: Storage): () => Promise<void> {
  let at = -Infinity;
  let last: Promise<void> = Promise.resolve();
  return () => {
    if (performance.now() - at >= pingEveryMs) {
      at = performance.now();
      last = answers(storage);
      // Reported to whoever asks.
      last.catch(() => (at = -Infinity));
    }
    return last;
  };
}

async function answers(storage: Storage): Promise<void> {
  await within(pingTimeoutMs, storage.stat('.canardstack-ping'), () => {
    throw new LakeError('unavailable', 'the object store does not answer');
  });
}
