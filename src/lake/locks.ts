import type { Catalog } from '../catalog/index.js';
import type { Logger } from '../telemetry/index.js';
import { noCommitLock, type CommitLock } from './commit-lock.js';
import type { InstanceHost } from './host.js';
import { ownCatalogLock, type MaintenanceLock } from './maintenance/lock.js';
import { quackCommitLock, quackMaintenanceLock } from './quack-locks.js';
import { postgresCommitLock, postgresMaintenanceLock } from './postgres-locks.js';

export interface LakeLocks {
  readonly commit: CommitLock;
  readonly maintenance: MaintenanceLock;
}

/** What keeps the nodes of a lake apart, by the kind of its catalog. */
export function lakeLocks(catalog: Catalog, host: InstanceHost, log: Logger): LakeLocks {
  if (catalog.kind === 'quack') {
    return { commit: quackCommitLock(host, log), maintenance: quackMaintenanceLock(host, log) };
  }
  if (catalog.kind !== 'postgres') return { commit: noCommitLock, maintenance: ownCatalogLock };
  return { commit: postgresCommitLock(host, log), maintenance: postgresMaintenanceLock(host, log) };
}
