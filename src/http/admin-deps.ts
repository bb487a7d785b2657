import type { Sources } from '../config/resolve.js';
import type { Config } from '../config/settings.js';
import type { Lake } from '../lake/types.js';
import type { QueryGuard } from '../query/server/guard.js';
import type { Pipeline } from '../seal/index.js';
import type { Spool } from '../spool/types.js';
import type { Telemetry } from '../telemetry/index.js';
import type { CatalogAdminDeps } from './admin-catalog.js';

/** What the admin API shows and steers. */
export interface AdminDeps {
  readonly config: Config;
  /** Where each setting comes from, when that is known. */
  readonly sources?: Sources;
  readonly lake: Pick<Lake, 'maintenance' | 'ping' | 'time'>;
  readonly guard: QueryGuard;
  readonly telemetry: Telemetry;
  /** Null, both, on a node that only queries. */
  readonly pipeline: Pick<Pipeline, 'intake' | 'sealer'> | null;
  readonly spool: (Pick<Spool, 'stream'> & Partial<Spool>) | null;
  /** Backups and checks of the catalog. */
  readonly catalogMaintenance?: CatalogAdminDeps['catalogMaintenance'];
}
