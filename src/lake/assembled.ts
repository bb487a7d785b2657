import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import type { Catalog } from '../catalog/index.js';
import type { CatalogOwnership } from '../catalog/lease/index.js';
import { firstLine, isFatal, LakeError } from '../duckdb/index.js';
import { within } from '../timeout/index.js';
import type { InstanceHost } from './host.js';
import type { MaintenanceLock } from './maintenance/lock.js';
import type { MetadataCache } from './metadata/index.js';
import { assertOwned } from './ownership.js';
import type { ConnectionPool } from './readers.js';
import { tableSizes } from './stats.js';
import { CommitError, type Lake, type LakeStats } from './types.js';
import type { Writer } from './writer.js';

const pingTimeoutMs = 5000;

/** What a lake is made of, opened. */
export interface LakeParts extends Pick<Lake, 'maintenance' | 'time' | 'damaged' | 'dashboards'> {
  readonly catalog: Catalog;
  readonly data: { ping(): Promise<void>; close(): void };
  readonly host: InstanceHost;
  readonly writer: Writer;
  readonly readers: ConnectionPool;
  readonly metadata: MetadataCache | null;
  readonly watch: { close(): void };
  readonly maintenanceLock: MaintenanceLock;
  readonly ownership: CatalogOwnership | null;
  readonly readOnly: boolean;
}

/** The lake as others use it; `close` ends its parts in their order. */
export function assembled(parts: LakeParts): Lake {
  const { catalog, data, host, writer, readers, metadata, watch, maintenanceLock, ownership, readOnly } =
    parts;
  const { maintenance, time, damaged, dashboards } = parts;
  let pinging: Promise<void> | null = null;
  const ping = async () => {
    assertOwned(ownership);
    if (catalog.dataIsLocal) {
      await access(catalog.dataPath, readOnly ? constants.R_OK : constants.W_OK).catch((error: unknown) => {
        throw new LakeError('unavailable', `the data folder is not there: ${firstLine(error)}`);
      });
    }
    const connection = await host.acquire();
    try {
      await connection.run('SELECT key FROM lake.main.canardstack_meta LIMIT 1');
    } catch (error) {
      host.notice(error);
      throw new LakeError('unavailable', `the catalog does not answer: ${firstLine(error)}`, {
        cause: error,
      });
    } finally {
      host.release(connection);
    }
    await data.ping();
  };
  return {
    maintenance,
    time,
    damaged,
    dashboards,
    readers,
    ownership,
    async commit(batches, progress) {
      if (readOnly) throw new CommitError('unavailable', 'the lake is open for reading only');
      return writer.commit(batches, progress);
    },
    watermarks: () => writer.watermarks(),
    async stats(): Promise<LakeStats> {
      const connection = await host.acquire();
      try {
        const { snapshotId, tables } = await tableSizes(connection);
        return { snapshotId, tables, catalogBytes: await catalogBytes(catalog.file) };
      } finally {
        host.release(connection);
      }
    },
    async withConnection(work) {
      assertOwned(ownership);
      const { temporary } = host.current;
      return host.using((connection) => work(connection, temporary));
    },
    async alone(work) {
      assertOwned(ownership);
      const lease = readOnly ? null : await maintenanceLock.tryAcquire();
      if (lease === null && !readOnly) return null;
      const { temporary } = host.current;
      try {
        const connection = await host.acquire();
        try {
          return await work(connection, temporary);
        } catch (error) {
          if (isFatal(error)) host.notice(error);
          throw error;
        } finally {
          host.release(connection);
        }
      } finally {
        await lease?.release();
      }
    },
    ping() {
      // One at a time: those that wait for a catalog server which hangs would hold a thread each.
      pinging ??= ping().finally(() => (pinging = null));
      return within(pingTimeoutMs, pinging, () => {
        throw new LakeError('unavailable', 'the lake does not answer');
      });
    },
    async abandon() {
      host.interrupt();
      await writer.abandon();
    },
    async close() {
      watch.close();
      await maintenance.stop();
      await writer.close();
      readers.close();
      await metadata?.close();
      const closed = await host.close();
      data.close();
      await (closed ? ownership?.release() : ownership?.abandon());
    },
  };
}

async function catalogBytes(file: string | null): Promise<number | null> {
  if (file === null) return null;
  const sizes = await Promise.all(
    [file, `${file}.wal`].map((path) =>
      stat(path).then(
        (found) => found.size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
