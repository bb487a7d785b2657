import { z } from 'zod';

const bytes = z.coerce.number().int().positive();
const ms = z.coerce.number().int().positive();
const count = z.coerce.number().int().positive();
const flag = z.union([
  z.boolean(),
  z.enum(['true', 'false', '1', '0', 'yes', 'no']).transform((v) => v === 'true' || v === '1' || v === 'yes'),
]);
const address = z.string().regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:]+):\d{1,5}$/, 'must be host:port');

export interface SettingDef {
  /** Environment name without the CANARDSTACK_ prefix. */
  readonly env: string;
  readonly schema: z.ZodType;
  /** `undefined`: not set, the feature is off. */
  readonly default: unknown;
  readonly help: string;
  readonly secret?: boolean;
}

function setting<S extends z.ZodType, D extends z.infer<S> | undefined>(
  env: string,
  schema: S,
  fallback: D,
  help: string,
  secret = false,
) {
  return { env, schema, default: fallback, help, secret };
}

/** Every setting: its environment name (prefix CANARDSTACK_), what is allowed, its default, its meaning. */
export const settings = {
  bind: setting('BIND', address, '127.0.0.1:4318', 'Address of OTLP/HTTP, queries and admin.'),
  grpcBind: setting(
    'GRPC_BIND',
    z.union([address, z.literal('off')]),
    '127.0.0.1:4317',
    'Address of OTLP/gRPC, or "off".',
  ),
  apiKey: setting(
    'API_KEY',
    z.string().min(8),
    undefined,
    'Key for ingest and queries (Authorization: Bearer, or x-api-key). Unset: loopback only.',
    true,
  ),
  adminApiKey: setting(
    'ADMIN_API_KEY',
    z.string().min(8),
    undefined,
    'Key for /api/admin; falls back to API_KEY.',
    true,
  ),
  allowUnauthenticated: setting(
    'ALLOW_UNAUTHENTICATED',
    flag,
    false,
    'Start on a non-loopback address without a key.',
  ),
  tlsCert: setting(
    'TLS_CERT',
    z.string(),
    undefined,
    'PEM certificate chain for HTTP and gRPC; reloaded when it changes.',
  ),
  tlsKey: setting('TLS_KEY', z.string(), undefined, 'PEM private key that belongs to TLS_CERT.'),
  role: setting('ROLE', z.enum(['all', 'ingest', 'query']), 'all', 'What `serve` does on this node.'),
  logLevel: setting(
    'LOG_LEVEL',
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
    'info',
    'Least severe log line written (JSON, stderr).',
  ),

  dataDir: setting(
    'DATA_DIR',
    z.string().min(1),
    './canardstack-data',
    'Folder of the catalog file, the spool and (by default) the Parquet files. Containers use /var/lib/canardstack.',
  ),
  duckdbExtensionDir: setting(
    'DUCKDB_EXTENSION_DIR',
    z.string(),
    undefined,
    'Folder of the DuckDB extensions (v1.5.5/<platform>/<name>.duckdb_extension); default <user cache>/canardstack/extensions.',
  ),
  ducklakeCatalogPath: setting(
    'DUCKLAKE_CATALOG_PATH',
    z.string(),
    undefined,
    'The local catalog file; default DATA_DIR/canardstack.ducklake.',
  ),
  ducklakeDataPath: setting(
    'DUCKLAKE_DATA_PATH',
    z.string(),
    undefined,
    'Where Parquet goes: a folder, s3:// or gs://; default DATA_DIR/data.',
  ),
  ducklakeAttachUri: setting(
    'DUCKLAKE_ATTACH_URI',
    z.string(),
    undefined,
    'Attach this catalog instead of a local file: ducklake:quack:host:port, or any DuckLake URI.',
    true,
  ),
  ducklakeQuackToken: setting(
    'DUCKLAKE_QUACK_TOKEN',
    z.string(),
    undefined,
    'Token of the Quack catalog server.',
    true,
  ),
  ducklakeQuackInsecureTls: setting(
    'DUCKLAKE_QUACK_INSECURE_TLS',
    flag,
    false,
    'Accept a self-signed certificate from the catalog server.',
  ),
  postgresDsn: setting('POSTGRES_DSN', z.string(), undefined, 'PostgreSQL catalog: libpq DSN.', true),

  duckdbMemoryLimitBytes: setting(
    'DUCKDB_MEMORY_LIMIT',
    bytes,
    undefined,
    'DuckDB memory limit in bytes (buffers, queries, sealing); default 40 % of memory.',
  ),
  duckdbThreads: setting('DUCKDB_THREADS', count, undefined, 'DuckDB worker threads; default one a core.'),
  decodeThreads: setting(
    'DECODE_THREADS',
    count,
    undefined,
    'Decode worker threads; default one a core less one, at least 1.',
  ),

  maxBodyBytes: setting('MAX_BODY_BYTES', bytes, 8 * 1024 * 1024, 'Largest request body as received.'),
  maxDecodedBodyBytes: setting(
    'MAX_DECODED_BODY_BYTES',
    bytes,
    64 * 1024 * 1024,
    'Largest request body after decompression.',
  ),
  acceptLateSecs: setting(
    'ACCEPT_LATE_SECS',
    count,
    86_400,
    'Records older than this at receipt are rejected (partial success).',
  ),
  acceptFutureSecs: setting(
    'ACCEPT_FUTURE_SECS',
    count,
    600,
    'Records further ahead than this at receipt are rejected (partial success).',
  ),

  rawSpoolCapacityBytes: setting(
    'RAW_SPOOL_CAPACITY_BYTES',
    bytes,
    1024 ** 3,
    'Spool capacity for each signal; beyond it 429 raw_spool_full.',
  ),
  rawSpoolSegmentBytes: setting(
    'RAW_SPOOL_SEGMENT_BYTES',
    bytes,
    64 * 1024 * 1024,
    'Size at which a spool segment is rotated.',
  ),
  rawSpoolGroupCommitMs: setting(
    'RAW_SPOOL_GROUP_COMMIT_MS',
    z.coerce.number().int().min(0),
    0,
    'Extra wait that lets more requests share one fsync; 0 groups only what arrives during the fsync before.',
  ),
  sealIntervalMs: setting('SEAL_INTERVAL_MS', ms, 1000, 'Time between commits to DuckLake.'),
  sealMaxBytes: setting(
    'SEAL_MAX_BYTES',
    bytes,
    256 * 1024 * 1024,
    'Commit earlier once this many decoded bytes wait, and at most about this many in one transaction.',
  ),
  dataInliningRowLimit: setting(
    'DATA_INLINING_ROW_LIMIT',
    z.coerce.number().int().min(0),
    1000,
    'Commits of fewer rows a table stay in the catalog until CHECKPOINT writes them to Parquet.',
  ),
  freshnessBudgetSlaSecs: setting(
    'FRESHNESS_BUDGET_SLA_SECS',
    count,
    15,
    'Refuse ingest (429 freshness_budget_exceeded) while the projected time until a row is visible exceeds this.',
  ),
  decodeQueueBytes: setting(
    'DECODE_QUEUE_BYTES',
    bytes,
    128 * 1024 * 1024,
    'Received bytes that may wait for decoding; beyond it 429 queue_full.',
  ),
  memoryCapBytes: setting(
    'MEMORY_CAP_BYTES',
    bytes,
    undefined,
    'Refuse ingest (429 queue_full) while resident memory exceeds this; default 80 % of memory.',
  ),

  queryConcurrency: setting('QUERY_CONCURRENCY', count, 4, 'Queries that run at once.'),
  queryQueueLength: setting(
    'QUERY_QUEUE_LENGTH',
    count,
    64,
    'Queries that may wait for a place; beyond it 429.',
  ),
  queryTimeoutMs: setting('QUERY_TIMEOUT_MS', ms, 30_000, 'Time limit of a query, waiting included.'),
  queryMemoryLimitBytes: setting(
    'QUERY_MEMORY_LIMIT',
    bytes,
    undefined,
    'Memory in bytes that all queries together may take from DuckDB; default the DuckDB memory limit.',
  ),
  queryMaxRangeSecs: setting('QUERY_MAX_RANGE_SECS', count, 31 * 86_400, 'Longest time range of a query.'),
  queryMaxRows: setting('QUERY_MAX_ROWS', count, 100_000, 'Most rows a query returns.'),
  queryMaxSamples: setting('QUERY_MAX_SAMPLES', count, 20_000_000, 'Most samples a PromQL query loads.'),
  queryMaxSeries: setting('QUERY_MAX_SERIES', count, 50_000, 'Most series a query handles.'),

  ducklakeMaintenanceEnabled: setting(
    'DUCKLAKE_MAINTENANCE_ENABLED',
    flag,
    true,
    'Run CHECKPOINT and retention on a schedule.',
  ),
  checkpointIntervalSecs: setting(
    'CHECKPOINT_INTERVAL_SECS',
    count,
    300,
    'Time between scheduled CHECKPOINTs.',
  ),
  retentionDays: setting('RETENTION_DAYS', count, 14, 'Days (UTC) of telemetry kept.'),
  snapshotRetentionSecs: setting(
    'SNAPSHOT_RETENTION_SECS',
    count,
    3600,
    'Age at which DuckLake snapshots expire; running queries and backups need theirs.',
  ),

  shutdownTimeoutMs: setting('SHUTDOWN_TIMEOUT_MS', ms, 30_000, 'Bound of the drain at SIGTERM.'),
  otlpExportEndpoint: setting(
    'OTLP_EXPORT_ENDPOINT',
    z.url(),
    undefined,
    "Send canardstack's own spans and metrics to this OTLP/HTTP endpoint.",
  ),
  otlpExportHeaders: setting(
    'OTLP_EXPORT_HEADERS',
    z.string(),
    undefined,
    'Headers for OTLP_EXPORT_ENDPOINT: k=v,k=v.',
    true,
  ),
} as const;

export type SettingName = keyof typeof settings;

type Always = {
  [K in SettingName]: undefined extends (typeof settings)[K]['default'] ? never : K;
}[SettingName];

/** The validated configuration. Settings without a default are `undefined` when not set. */
export type Config = {
  readonly [K in SettingName]: K extends Always
    ? z.infer<(typeof settings)[K]['schema']>
    : z.infer<(typeof settings)[K]['schema']> | undefined;
};
