import { bytes, count, flag, keyList, seconds, text } from '../kinds.js';
import { setting, timerSecs } from './definition.js';

export const maintenance = {
  ducklakeMaintenanceEnabled: setting(
    'DUCKLAKE_MAINTENANCE_ENABLED',
    flag(),
    true,
    'Run CHECKPOINT and retention on a schedule.',
  ),
  checkpointIntervalSecs: setting(
    'CHECKPOINT_INTERVAL_SECS',
    seconds(timerSecs),
    300,
    'Time between scheduled CHECKPOINTs.',
  ),
  attributeColumnsMax: setting(
    'ATTRIBUTE_COLUMNS_MAX',
    count({ min: 0, max: 200 }),
    12,
    'Most attributes of log records, and of spans, that compaction gives a column of their own in a data file: those of ATTRIBUTE_COLUMNS, then those asked for, then the most frequent. 0: none.',
  ),
  attributeColumns: setting(
    'ATTRIBUTE_COLUMNS',
    keyList(),
    undefined,
    'Attributes of log records and spans that get a column wherever they occur, with commas between: http.route,user.id',
  ),
  tokenIndex: setting(
    'TOKEN_INDEX',
    flag(),
    true,
    'Compaction gives data files of log records an index of the words of their lines and of ids, in which queries look them up.',
  ),
  retentionDays: setting('RETENTION_DAYS', count({ max: 36_500 }), 14, 'Days (UTC) of telemetry kept.'),
  retentionMaxSharePercent: setting(
    'RETENTION_MAX_SHARE_PERCENT',
    count({ max: 100 }),
    25,
    "Retention that would delete more than this part of the lake's rows or bytes, beyond what its last day explains, waits for a person's word.",
  ),
  clockToleranceSecs: setting(
    'CLOCK_TOLERANCE_SECS',
    seconds({ min: 60, max: 86_400 }),
    3600,
    'How far the wall clock may be from what the lake knows before nothing is deleted by age any more.',
  ),
  snapshotRetentionSecs: setting(
    'SNAPSHOT_RETENTION_SECS',
    seconds(),
    3600,
    'Age at which DuckLake snapshots expire; running queries and backups need theirs.',
  ),
  scrubBytesPerDay: setting(
    'SCRUB_BYTES_PER_DAY',
    bytes({ min: 0 }),
    64 * 1024 ** 3,
    'How much of the lake is read again each day to compare checksums; each file once a day at most. 0: none.',
  ),
  catalogBackupPath: setting(
    'CATALOG_BACKUP_PATH',
    text('a folder or object-store URL'),
    undefined,
    'Where backups of the catalog go: a folder, s3:// or gs://; better not on the disk of the catalog.',
    { computed: 'DATA_DIR/backups' },
  ),
  catalogBackupIntervalSecs: setting(
    'CATALOG_BACKUP_INTERVAL_SECS',
    seconds(timerSecs),
    86_400,
    'Age of the newest backup at which the next one is made; among nodes with one path, by one of them.',
  ),
  catalogBackupKeep: setting('CATALOG_BACKUP_KEEP', count(), 7, 'Backups of the catalog that are kept.'),
  catalogVerifyIntervalSecs: setting(
    'CATALOG_VERIFY_INTERVAL_SECS',
    seconds(timerSecs),
    undefined,
    'Time between checks of the catalog against storage. Unset: on demand only.',
  ),
  catalogVerifyRepair: setting(
    'CATALOG_VERIFY_REPAIR',
    flag(),
    false,
    'Let the scheduled checks remove orphans that nobody misses, once an earlier check has named them in the log.',
  ),
  catalogOrphanMinAgeSecs: setting(
    'CATALOG_ORPHAN_MIN_AGE_SECS',
    seconds(),
    3600,
    'Files that the catalog does not know are left alone until they are this old.',
  ),
};
