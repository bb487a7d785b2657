import { setTimeout as sleep } from 'node:timers/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Catalog } from '../catalog/index.js';
import { DsnError, parseDsn, renderDsn } from '../config/postgres-dsn.js';
import { LakeError, literal, messageOf } from '../duckdb/index.js';

const prefix = 'ducklake:postgres:';
const secretName = 'lake_catalog';
const attempts = 10;

/**
 * Bounds of what the connection waits for, where the connection string says nothing else: a server that went away
 * is noticed within about half a minute on both sides, so that neither a commit nor a lock hangs for longer.
 */
const defaults: readonly (readonly [string, string])[] = [
  ['application_name', 'canardstack'],
  ['connect_timeout', '5'],
  ['keepalives_idle', '10'],
  ['keepalives_interval', '5'],
  ['keepalives_count', '3'],
  ['tcp_user_timeout', '25000'],
];

/** Settings of the server's side. Given `options` come after them and win; empty ones (for a pooler) are kept. */
const serverSettings = [
  'statement_timeout=120000',
  'lock_timeout=20000',
  'tcp_keepalives_idle=10',
  'tcp_keepalives_interval=5',
  'tcp_keepalives_count=3',
];

export interface PostgresTarget {
  /** For ATTACH: without the password. */
  readonly attachUri: string;
  /** Options of ATTACH. */
  readonly flags: readonly string[];
}

/**
 * Puts the password into a DuckDB secret, so that it stands in no statement and no error afterwards, and gives what
 * is left to attach. Without a password libpq looks for one itself (PGPASSWORD, passfile).
 */
export async function preparePostgres(
  connection: DuckDBConnection,
  catalog: Catalog,
): Promise<PostgresTarget> {
  const parameters = new Map(parseOrRefuse(catalog));
  const password = parameters.get('password');
  parameters.delete('password');
  for (const [key, value] of defaults) if (!parameters.has(key)) parameters.set(key, value);
  const given = parameters.get('options');
  if (given === '') parameters.delete('options');
  else
    parameters.set('options', [...serverSettings.map((each) => `-c ${each}`), given ?? ''].join(' ').trim());
  const attachUri = prefix + renderDsn(parameters);
  // Without a secret of that name DuckDB looks for its default one, in a storage that is switched off, and fails.
  const fields = password === undefined ? '' : `, PASSWORD ${literal(password)}`;
  try {
    await connection.run(`CREATE OR REPLACE SECRET ${secretName} (TYPE postgres${fields})`);
  } catch {
    // Its own message could hold the statement.
    throw new LakeError('unavailable', 'DuckDB does not take the password of the PostgreSQL catalog');
  }
  return { attachUri, flags: [`META_SECRET ${literal(secretName)}`] };
}

/** Nodes that start at once on an empty database all want to make the catalog's tables: one does, the others try again. */
export async function whileOthersCreate<T>(attach: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await attach();
    } catch (error) {
      if (attempt === attempts || !isCreationRace(error)) throw error;
      await sleep(100 * attempt * (0.5 + Math.random()));
    }
  }
}

function isCreationRace(error: unknown): boolean {
  return /pg_type_typname_nsp_index|pg_class_relname_nsp_index|pg_namespace_nspname_index|already exists|\w+_pkey|deadlock/i.test(
    messageOf(error),
  );
}

function parseOrRefuse({ attachUri, setting }: Catalog): ReadonlyMap<string, string> {
  try {
    return parseDsn(attachUri.slice(prefix.length));
  } catch (error) {
    if (!(error instanceof DsnError)) throw error;
    throw new LakeError('denied', `${setting} is ${error.message}`);
  }
}

/** What PostgreSQL and libpq say that no waiting changes (their English words), and what to do. */
const refusals: readonly (readonly [RegExp, string])[] = [
  [/password authentication failed|no password supplied/i, 'correct the user or the password'],
  [/role "[^"]*" does not exist|is not permitted to log in/i, 'correct the user, or let it log in'],
  [/database "[^"]*" does not exist/i, 'correct the name of the database, or create it'],
  [/permission denied for (?:database|schema)/i, 'grant the user CONNECT and CREATE there'],
  [
    /no pg_hba\.conf entry|pg_hba\.conf rejects/i,
    'let the user in by pg_hba.conf, or correct user, database and sslmode',
  ],
  [
    /server does not support SSL|certificate verify failed|root certificate file|certificate file ".*" does not exist/i,
    'correct sslmode, sslrootcert, sslcert and sslkey',
  ],
  [
    /^Invalid Input Error|invalid connection option|invalid port number|invalid integer value|invalid \w+ value|missing "=" after|could not match \d+ (?:port|host)/i,
    'correct the connection string',
  ],
];

/** The cure when PostgreSQL refuses these very settings; null for what may pass, a server that is away above all. */
export function refusal(message: string): string | null {
  return refusals.find(([words]) => words.test(message))?.[1] ?? null;
}
