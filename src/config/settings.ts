import type { z } from 'zod';
import {
  address,
  addressOrOff,
  attachUri,
  bytes,
  count,
  endpoint,
  flag,
  headerList,
  httpUrl,
  key,
  keyList,
  maxTimerMs,
  milliseconds,
  oneOf,
  originList,
  postgresDsn,
  region,
  seconds,
  text,
  type Kind,
} from './kinds.js';

export interface SettingDef {
  /** Environment name without the CANARDSTACK_ prefix. */
  readonly env: string;
  readonly schema: z.ZodType;
  /** What is allowed, in words. */
  readonly allowed: string;
  /** `undefined`: not set; the feature is off, or the value is computed and `computed` says how. */
  readonly default: string | number | boolean | undefined;
  readonly help: string;
  readonly secret?: boolean;
  /** The default in words where it depends on the machine or on other settings. */
  readonly computed?: string;
}

interface Extra {
  readonly secret?: boolean;
  readonly computed?: string;
}

function setting<S extends z.ZodType, D extends z.infer<S> | undefined>(
  env: string,
  kind: Kind<S>,
  fallback: D,
  help: string,
  extra: Extra = {},
) {
  return { env, schema: kind.schema, allowed: kind.allowed, default: fallback, help, ...extra };
}

const secret = { secret: true } as const;
const timerSecs = { max: Math.floor(maxTimerMs / 1000) } as const;
const mebibyte = 1024 * 1024;

const server = {
  bind: setting('BIND', address(), '127.0.0.1:4318', 'Address of OTLP/HTTP, queries and admin.'),
  grpcBind: setting('GRPC_BIND', addressOrOff(), '127.0.0.1:4317', 'Address of OTLP/gRPC, or "off".'),
  syslogBind: setting(
    'SYSLOG_BIND',
    addressOrOff(),
    'off',
    'Address of syslog over TCP (TLS when TLS_CERT is set) and UDP, or "off". It takes no keys: loopback only, unless ALLOW_UNAUTHENTICATED is set.',
  ),
  apiKey: setting(
    'API_KEY',
    key('a key'),
    undefined,
    'Key for ingest and queries (Authorization: Bearer, or x-api-key). Unset: loopback only.',
    secret,
  ),
  adminApiKey: setting(
    'ADMIN_API_KEY',
    key('a key'),
    undefined,
    'Key for /api/admin; falls back to API_KEY.',
    secret,
  ),
  allowUnauthenticated: setting(
    'ALLOW_UNAUTHENTICATED',
    flag(),
    false,
    'Start on a non-loopback address without a key, or with syslog.',
  ),
  tlsCert: setting(
    'TLS_CERT',
    text('a file'),
    undefined,
    'PEM certificate chain for HTTP and gRPC; reloaded when it changes.',
  ),
  tlsKey: setting('TLS_KEY', text('a file'), undefined, 'PEM private key that belongs to TLS_CERT.'),
  corsAllowedOrigins: setting(
    'CORS_ALLOWED_ORIGINS',
    originList(),
    undefined,
    'Origins of web pages that may send OTLP/HTTP (CORS); "*" stands for every one. Unset: none.',
  ),
  role: setting('ROLE', oneOf('all', 'ingest', 'query'), 'all', 'What `serve` does on this node.'),
  logLevel: setting(
    'LOG_LEVEL',
    oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    'info',
    'Least severe log line written (JSON, stderr).',
  ),
  shutdownTimeoutMs: setting('SHUTDOWN_TIMEOUT_MS', milliseconds(), 30_000, 'Bound of the drain at SIGTERM.'),
};

const storage = {
  dataDir: setting(
    'DATA_DIR',
    text('a folder'),
    './canardstack-data',
    'Folder of the catalog file, the spool and (by default) the Parquet files. Containers use /var/lib/canardstack.',
  ),
  duckdbExtensionDir: setting(
    'DUCKDB_EXTENSION_DIR',
    text('a folder'),
    undefined,
    'Folder of the DuckDB extensions (v1.5.5/<platform>/<name>.duckdb_extension).',
    { computed: '<user cache>/canardstack/extensions' },
  ),
  ducklakeCatalogPath: setting(
    'DUCKLAKE_CATALOG_PATH',
    text('a file'),
    undefined,
    'The local catalog file.',
    { computed: 'DATA_DIR/canardstack.ducklake' },
  ),
  catalogLeaseSecs: setting(
    'CATALOG_LEASE_SECS',
    seconds({ min: 2, max: 3600 }),
    15,
    'Time without renewal after which the lease on a catalog file has run out and another process may take it.',
  ),
  catalogIgnoreFileLock: setting(
    'CATALOG_IGNORE_FILE_LOCK',
    flag(),
    false,
    'Take the catalog over although a process holds its file lock, once its lease has run out.',
  ),
  catalogCreateOverData: setting(
    'CATALOG_CREATE_OVER_DATA',
    flag(),
    false,
    'Make an empty catalog although the data path holds Parquet files, which it will not know.',
  ),
  ducklakeDataPath: setting(
    'DUCKLAKE_DATA_PATH',
    text('a folder or object-store URL'),
    undefined,
    'Where Parquet goes: a folder, s3:// or gs://.',
    { computed: 'DATA_DIR/data' },
  ),
  ducklakeAttachUri: setting(
    'DUCKLAKE_ATTACH_URI',
    attachUri(),
    undefined,
    'Attach this catalog instead of a local file: ducklake:quack:host:port, or ducklake:postgres:<connection string>.',
    secret,
  ),
  ducklakeQuackToken: setting(
    'DUCKLAKE_QUACK_TOKEN',
    key('a token'),
    undefined,
    'Token that serve-catalog asks its clients for; both sides need it.',
    secret,
  ),
  ducklakeQuackInsecureTls: setting(
    'DUCKLAKE_QUACK_INSECURE_TLS',
    flag(),
    false,
    'Accept any certificate from the catalog server, self-signed or expired.',
  ),
  ducklakeQuackCaFile: setting(
    'DUCKLAKE_QUACK_CA_FILE',
    text('a file'),
    undefined,
    "PEM certificates that the catalog server's certificate is checked against.",
    { computed: "Node's own list of authorities" },
  ),
  ducklakeQuackTimeoutMs: setting(
    'DUCKLAKE_QUACK_TIMEOUT_MS',
    milliseconds({ min: 100, max: 600_000 }),
    15_000,
    'Bound of one request to the catalog server; then it counts as away. A commit that it is at work on may take longer.',
  ),
  catalogWaitSecs: setting(
    'CATALOG_WAIT_SECS',
    seconds({ min: 0, max: 86_400 }),
    600,
    'How long a start waits for a catalog that is away, or (serve-catalog) held by another process.',
  ),
  postgresDsn: setting('POSTGRES_DSN', postgresDsn(), undefined, 'PostgreSQL catalog: libpq DSN.', secret),
};

const objectStorage = {
  s3Endpoint: setting(
    'S3_ENDPOINT',
    endpoint(),
    undefined,
    'Object store that speaks S3; unset: Amazon S3, and Google Cloud Storage for gs://.',
  ),
  s3Region: setting('S3_REGION', region(), undefined, 'Region of the bucket.', {
    computed: 'AWS_REGION or the AWS profile; "auto" for gs://',
  }),
  s3UrlStyle: setting(
    'S3_URL_STYLE',
    oneOf('vhost', 'path'),
    undefined,
    'Where the bucket stands: in the host name or in the path.',
    { computed: 'vhost on Amazon S3, path elsewhere' },
  ),
  s3UseSsl: setting('S3_USE_SSL', flag(), true, 'TLS to an S3_ENDPOINT that names no scheme.'),
  s3TimeoutMs: setting(
    'S3_TIMEOUT_MS',
    milliseconds({ max: 600_000 }),
    30_000,
    'Bound of one request to the object store.',
  ),
  s3Attempts: setting(
    'S3_ATTEMPTS',
    count({ max: 10 }),
    4,
    'Attempts of one request to the object store, with growing pauses between.',
  ),
  gcsHmacKeyId: setting(
    'GCS_HMAC_KEY_ID',
    text('a key id'),
    undefined,
    'Access id of the HMAC key for gs://.',
    secret,
  ),
  gcsHmacSecret: setting(
    'GCS_HMAC_SECRET',
    text('a key'),
    undefined,
    'Secret of the HMAC key for gs://.',
    secret,
  ),
};

const catalogServer = {
  catalogListen: setting(
    'CATALOG_LISTEN',
    address(),
    '127.0.0.1:9494',
    'serve-catalog: address that clients attach to.',
  ),
  catalogTls: setting(
    'CATALOG_TLS',
    flag(),
    true,
    'TLS between nodes and serve-catalog: there with TLS_CERT and TLS_KEY, or self-signed for the life of the process.',
  ),
  catalogQuackBackend: setting(
    'CATALOG_QUACK_BACKEND',
    address(),
    '127.0.0.1:9495',
    'serve-catalog: loopback address of the Quack server behind TLS.',
  ),
  catalogHealthBind: setting(
    'CATALOG_HEALTH_BIND',
    address(),
    '127.0.0.1:8080',
    'serve-catalog: address of /healthz, /readyz and /metrics.',
  ),
  catalogMaxConnections: setting(
    'CATALOG_MAX_CONNECTIONS',
    count(),
    512,
    'serve-catalog: connections that clients may hold open; more are refused.',
  ),
};

const resources = {
  duckdbMemoryLimitBytes: setting(
    'DUCKDB_MEMORY_LIMIT',
    bytes({ min: 64 * mebibyte }),
    undefined,
    'DuckDB memory limit (buffers, queries, sealing).',
    { computed: '40 % of memory, at most 4 GiB' },
  ),
  duckdbThreads: setting('DUCKDB_THREADS', count({ max: 1024 }), undefined, 'DuckDB worker threads.', {
    computed: 'one a core',
  }),
  decodeThreads: setting('DECODE_THREADS', count({ max: 1024 }), undefined, 'Decode worker threads.', {
    computed: 'one a core less one, at least 1',
  }),
  memoryCapBytes: setting(
    'MEMORY_CAP_BYTES',
    bytes(),
    undefined,
    'Refuse ingest (429 queue_full) while resident memory exceeds this.',
    { computed: '80 % of memory' },
  ),
};

const ingest = {
  maxBodyBytes: setting('MAX_BODY_BYTES', bytes(), 8 * mebibyte, 'Largest request body as received.'),
  maxDecodedBodyBytes: setting(
    'MAX_DECODED_BODY_BYTES',
    bytes(),
    64 * mebibyte,
    'Largest request body after decompression.',
  ),
  maxRequestRecords: setting(
    'MAX_REQUEST_RECORDS',
    count(),
    500_000,
    'Most log records, spans or data points of a request; beyond it 413.',
  ),
  maxRequestRowBytes: setting(
    'MAX_REQUEST_ROW_BYTES',
    bytes(),
    undefined,
    'Most bytes that the rows of one request may take (text, columns, and what its rows share in each of them); beyond it 413.',
    { computed: 'an eighth of memory, at most 256 MiB' },
  ),
  maxRecordBytes: setting(
    'MAX_RECORD_BYTES',
    bytes(),
    16 * mebibyte,
    'Most bytes of text and attributes (as JSON) that one record may become; beyond it the record is rejected (partial success).',
  ),
  maxRecordElements: setting(
    'MAX_RECORD_ELEMENTS',
    count(),
    65_536,
    'Most attributes, array and map entries, events, links, exemplars, buckets, bounds and quantiles of one record; beyond it the record is rejected (partial success).',
  ),
  decodeMemoryBytes: setting(
    'DECODE_MEMORY_BYTES',
    bytes(),
    undefined,
    'Memory that requests being decoded may take together, decompression included; beyond it they wait, then 429 queue_full.',
    { computed: 'a quarter of memory, at most 2 GiB' },
  ),
  acceptLateSecs: setting(
    'ACCEPT_LATE_SECS',
    seconds(),
    86_400,
    'Records older than this at receipt are rejected (partial success).',
  ),
  acceptFutureSecs: setting(
    'ACCEPT_FUTURE_SECS',
    seconds(),
    600,
    'Records further ahead than this at receipt are rejected (partial success).',
  ),
  decodeQueueBytes: setting(
    'DECODE_QUEUE_BYTES',
    bytes(),
    128 * mebibyte,
    'Received bytes that may wait for decoding; beyond it 429 queue_full.',
  ),
  rawSpoolCapacityBytes: setting(
    'RAW_SPOOL_CAPACITY_BYTES',
    bytes(),
    1024 * mebibyte,
    'Spool capacity for each signal; beyond it 429 raw_spool_full.',
  ),
  rawSpoolSegmentBytes: setting(
    'RAW_SPOOL_SEGMENT_BYTES',
    bytes(),
    64 * mebibyte,
    'Size at which a spool segment is rotated.',
  ),
  rawSpoolSetAsideBytes: setting(
    'RAW_SPOOL_SET_ASIDE_BYTES',
    bytes(),
    1024 * mebibyte,
    'Size of spool/poison/ from which on no more records are set aside: sealing then waits until somebody has looked at them.',
  ),
  rawSpoolGroupCommitMs: setting(
    'RAW_SPOOL_GROUP_COMMIT_MS',
    milliseconds({ min: 0, max: 60_000 }),
    0,
    'Extra wait that lets more requests share one fsync; 0 groups only what arrives during the fsync before.',
  ),
  sealIntervalMs: setting('SEAL_INTERVAL_MS', milliseconds(), 1000, 'Time between commits to DuckLake.'),
  sealMaxBytes: setting(
    'SEAL_MAX_BYTES',
    bytes(),
    64 * mebibyte,
    'Commit earlier once this many decoded bytes wait, and at most about this many in one transaction.',
  ),
  dataInliningRowLimit: setting(
    'DATA_INLINING_ROW_LIMIT',
    count({ min: 0 }),
    1000,
    'Commits of fewer rows a table (at most 512 KiB of text, and no number that its text would change) stay in the catalog until CHECKPOINT writes them to Parquet.',
  ),
  freshnessBudgetSlaSecs: setting(
    'FRESHNESS_BUDGET_SLA_SECS',
    seconds(),
    15,
    'Refuse ingest (429 freshness_budget_exceeded) while the projected time until a row is visible exceeds this.',
  ),
};

const queries = {
  queryConcurrency: setting('QUERY_CONCURRENCY', count({ max: 1024 }), 4, 'Queries that run at once.'),
  queryThreads: setting('QUERY_THREADS', count({ max: 1024 }), undefined, 'Threads that evaluate queries.', {
    computed: '1, or 2 from 4 cores on',
  }),
  queryQueueLength: setting(
    'QUERY_QUEUE_LENGTH',
    count(),
    64,
    'Queries that may wait for a place; beyond it 429.',
  ),
  queryTimeoutMs: setting(
    'QUERY_TIMEOUT_MS',
    milliseconds(),
    30_000,
    'Time limit of a query, waiting included.',
  ),
  queryMemoryLimitBytes: setting(
    'QUERY_MEMORY_LIMIT',
    bytes(),
    undefined,
    'Memory that all queries together may take from DuckDB; beyond it the one that has run longest is stopped.',
    { computed: 'three quarters of DUCKDB_MEMORY_LIMIT' },
  ),
  queryMaxRangeSecs: setting(
    'QUERY_MAX_RANGE_SECS',
    seconds(),
    31 * 86_400,
    'Longest time range of a query.',
  ),
  queryMaxRows: setting('QUERY_MAX_ROWS', count(), 100_000, 'Most rows a query returns.'),
  queryMaxSamples: setting('QUERY_MAX_SAMPLES', count(), 20_000_000, 'Most samples a PromQL query loads.'),
  queryMaxSeries: setting('QUERY_MAX_SERIES', count(), 50_000, 'Most series a query handles.'),
  queryMaxTails: setting('QUERY_MAX_TAILS', count({ max: 1000 }), 10, 'Clients that tail logs at once.'),
  metadataCacheEntries: setting(
    'METADATA_CACHE_ENTRIES',
    count({ min: 0 }),
    1_000_000,
    'Label sets and attribute keys, by data file and hour, kept in memory for label lookups: some 100 bytes each. 0 keeps none, and every lookup reads the files.',
  ),
  sampleCacheBytes: setting(
    'SAMPLE_CACHE_MEMORY',
    bytes({ min: 0 }),
    256 * mebibyte,
    'Memory for samples of metrics that PromQL queries read before, 12 bytes each. 0 keeps none, and every query reads the files. Needs CANARDSTACK_METADATA_CACHE_ENTRIES.',
  ),
  queryScopeLabels: setting(
    'QUERY_SCOPE_LABELS',
    flag(),
    true,
    'PromQL: labels otel_scope_name, otel_scope_version, otel_scope_schema_url and otel_scope_<attribute>. Without them, points of several scopes with equal labels are one series.',
  ),
  promqlExperimental: setting(
    'QUERY_PROMQL_EXPERIMENTAL',
    flag(),
    true,
    'PromQL: what is experimental in Prometheus (its `--enable-feature` for functions, `fill`, `anchored` and `smoothed`). Without it such queries are refused, as Prometheus does by default.',
  ),
  spanMetrics: setting(
    'SPAN_METRICS',
    flag(),
    true,
    'PromQL: traces_spanmetrics_* and traces_service_graph_*, counted of the spans when they are asked for.',
  ),
  spanMetricsDimensions: setting(
    'SPAN_METRICS_DIMENSIONS',
    keyList(),
    undefined,
    'Attributes of resources and spans that are labels of traces_spanmetrics_*, with commas between: http.route,service.version',
  ),
};

const maintenance = {
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

const selfTelemetry = {
  otlpExportEndpoint: setting(
    'OTLP_EXPORT_ENDPOINT',
    httpUrl(),
    undefined,
    "Send canardstack's own spans and metrics to this OTLP/HTTP endpoint.",
  ),
  otlpExportHeaders: setting(
    'OTLP_EXPORT_HEADERS',
    headerList(),
    undefined,
    'Headers for OTLP_EXPORT_ENDPOINT: k=v,k=v.',
    secret,
  ),
  otlpExportIntervalSecs: setting(
    'OTLP_EXPORT_INTERVAL_SECS',
    seconds(timerSecs),
    15,
    'Time between exports of own metrics.',
  ),
};

/** The settings by subject, for `config` and docs/configuration.md. */
export const settingGroups = {
  Server: server,
  Storage: storage,
  'Object storage': objectStorage,
  'Catalog server': catalogServer,
  Resources: resources,
  Ingest: ingest,
  Queries: queries,
  Maintenance: maintenance,
  'Own telemetry': selfTelemetry,
} as const;

/** Every setting: its environment name (prefix CANARDSTACK_), what is allowed, its default, its meaning. */
export const settings = {
  ...server,
  ...storage,
  ...objectStorage,
  ...catalogServer,
  ...resources,
  ...ingest,
  ...queries,
  ...maintenance,
  ...selfTelemetry,
} as const;

export type SettingName = keyof typeof settings;
export const settingNames = Object.keys(settings) as SettingName[];

export function settingDef(name: SettingName): SettingDef {
  return settings[name];
}

/** Other names for a setting, accepted for compatibility; `plainUnit`: what a plain number counts. */
export const aliases: readonly {
  readonly env: string;
  readonly setting: SettingName;
  readonly plainUnit?: 's';
}[] = [
  { env: 'QUERY_TIMEOUT', setting: 'queryTimeoutMs', plainUnit: 's' },
  { env: 'QUERY_TIMEOUT_SECS', setting: 'queryTimeoutMs', plainUnit: 's' },
  { env: 'PROCESS_MEMORY_LIMIT_BYTES', setting: 'memoryCapBytes' },
  { env: 'CATALOG_TLS_ENABLED', setting: 'catalogTls' },
];

type Always = {
  [K in SettingName]: undefined extends (typeof settings)[K]['default'] ? never : K;
}[SettingName];

/** The validated configuration. Settings without a default are `undefined` when not set. */
export type Config = {
  readonly [K in SettingName]: K extends Always
    ? z.infer<(typeof settings)[K]['schema']>
    : z.infer<(typeof settings)[K]['schema']> | undefined;
};
