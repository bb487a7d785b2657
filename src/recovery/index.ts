export { CatalogBackups } from './backups.js';
export { migrateCatalog, type MigrateReport } from './migrate.js';
export { rebuildCatalog, type RebuildReport } from './rebuild.js';
export type { Progress } from './reconcile.js';
export { restoreCatalog, type RestoreReport } from './restore.js';
export { type CatalogStatus } from './status.js';
export type { RecoveryConfig } from './target.js';
export { backupPath, CatalogMaintenance, type VerifyOutcome } from './maintenance.js';
export { removableOrphans } from './verify.js';
