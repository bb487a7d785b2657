import { attachUri, flag, key, milliseconds, postgresDsn, seconds, text } from '../kinds.js';
import { secret, setting } from './definition.js';

export const storage = {
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
