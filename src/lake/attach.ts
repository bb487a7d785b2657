import { stat } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Catalog, QuackTarget } from '../catalog/index.js';
import { CatalogTunnel } from '../catalog/tunnel/index.js';
import { firstLine, LakeError, literal, messageOf } from '../duckdb/index.js';
import { preparePostgres, refusal, whileOthersCreate } from './attach-postgres.js';

/** What an attached catalog needs while it is attached. */
export interface Attachment {
  /** What a failed statement says of the catalog server: that it is away, and why. Null for any other error. */
  away(error: unknown): string | null;
  /** Before the DuckDB instance is closed, which says good-bye to the server and waits for it. */
  part(): void;
  close(): Promise<void>;
}

const nothing: Attachment = { away: () => null, part: () => undefined, close: () => Promise.resolve() };

/** Attaches the catalog as `lake`. Throws LakeError: 'locked', 'denied', 'schema', 'unavailable'. */
export async function attach(
  connection: DuckDBConnection,
  catalog: Catalog,
  readOnly: boolean,
): Promise<Attachment> {
  if (catalog.quack !== null) return attachQuack(connection, catalog, catalog.quack, readOnly);
  const target =
    catalog.kind === 'postgres'
      ? await preparePostgres(connection, catalog)
      : { attachUri: catalog.attachUri, flags: [] };
  await attachLake(connection, catalog, target.attachUri, readOnly, target.flags);
  return nothing;
}

/** By way of a tunnel, which bounds every request and speaks TLS. */
async function attachQuack(
  connection: DuckDBConnection,
  catalog: Catalog,
  target: QuackTarget,
  readOnly: boolean,
): Promise<Attachment> {
  const { token } = target;
  if (token === undefined) {
    throw new LakeError(
      'denied',
      'CANARDSTACK_DUCKLAKE_QUACK_TOKEN is not set; the catalog server asks for it',
    );
  }
  const tunnel = await CatalogTunnel.open(target).catch((error: unknown) => {
    throw new LakeError('unavailable', firstLine(error), { cause: error });
  });
  const away = (error: unknown) => {
    const message = messageOf(error);
    if (!/Failed to send message|Invalid connection id|empty result/.test(message)) return null;
    return `the catalog server ${target.host}:${target.port} is away: ${tunnel.reason ?? 'its session is gone'}`;
  };
  try {
    try {
      await connection.run(`CREATE OR REPLACE SECRET lake_catalog (TYPE quack, TOKEN ${literal(token)})`);
    } catch {
      // The error would hold the statement, and so the token.
      throw new LakeError('unavailable', 'DuckDB does not take the token of the catalog server');
    }
    try {
      await attachLake(connection, catalog, `ducklake:quack:127.0.0.1:${tunnel.port}`, readOnly, [
        'META_DISABLE_SSL true',
      ]);
    } catch (error) {
      throw quackError(error, catalog, away(error), token);
    }
    return { away, part: () => tunnel.part(), close: () => tunnel.close() };
  } catch (error) {
    await tunnel.close();
    throw error;
  }
}

function quackError(error: unknown, catalog: Catalog, away: string | null, token: string): LakeError {
  const message = messageOf(error);
  if (/Authentication failed/.test(message)) {
    return new LakeError(
      'denied',
      `${catalog.describe()} refused the token: CANARDSTACK_DUCKLAKE_QUACK_TOKEN must be the same there and here`,
    );
  }
  if (/Authorization failed|not authorized/i.test(message)) {
    return new LakeError(
      'schema',
      `${catalog.describe()} holds no lake of this release: serve-catalog of the same release makes it`,
    );
  }
  if (error instanceof LakeError && away === null) return error;
  return new LakeError('unavailable', away ?? firstLine(error).replaceAll(token, '***'));
}

async function attachLake(
  connection: DuckDBConnection,
  catalog: Catalog,
  uri: string,
  readOnly: boolean,
  more: readonly string[] = [],
): Promise<void> {
  const flags = [`DATA_PATH ${literal(catalog.dataPath)}`, ...more];
  if (readOnly) flags.push('READ_ONLY', 'CREATE_IF_NOT_EXISTS false');
  const statement = (extra: readonly string[]) =>
    `ATTACH ${literal(uri)} AS lake (${[...flags, ...extra].join(', ')})`;
  try {
    await whileOthersCreate(() => connection.run(statement([])));
  } catch (error) {
    const recorded = /existing data path[^"']*["']([^"']+)["']/i.exec(firstLine(error))?.[1];
    if (recorded === undefined) throw attachError(error, catalog);
    // The data folder was moved as a whole: file paths in the catalog are relative to it.
    const moved = catalog.dataIsLocal && !(await isFolder(recorded));
    if (!moved) {
      throw new LakeError(
        'schema',
        `the catalog was made for Parquet files in ${recorded}, but CANARDSTACK_DUCKLAKE_DATA_PATH says ` +
          `${catalog.dataPath}: set it to the former, or move the files to the latter`,
      );
    }
    try {
      await connection.run(statement(['OVERRIDE_DATA_PATH true']));
    } catch (again) {
      throw attachError(again, catalog);
    }
  }
}

function attachError(error: unknown, catalog: Catalog): LakeError {
  // libpq has a line for each address that it tried.
  const message = firstLine(error).replace(/\s+/g, ' ');
  const lock = /Could not set lock on file.*?(?:\(PID (\d+)\)|$)/s.exec(message);
  if (lock) {
    const holder = lock[1] === undefined ? 'another process' : `process ${lock[1]}`;
    return new LakeError(
      'locked',
      `the catalog ${catalog.file ?? ''} is in use: its lock is held by ${holder}. Only one canardstack may own ` +
        `a catalog file; stop the other one, or let this one use another CANARDSTACK_DATA_DIR`,
      { cause: error },
    );
  }
  if (/DuckLake.*version|version.*DuckLake|catalog version|AUTOMATIC_MIGRATION/i.test(message)) {
    return new LakeError(
      'schema',
      `${catalog.describe()} has another DuckLake format than this release reads: ${message}`,
      { cause: error },
    );
  }
  const cure = catalog.kind === 'postgres' ? refusal(message) : null;
  if (cure !== null) {
    return new LakeError(
      'denied',
      `${catalog.setting}: ${catalog.describe()} refuses it: ${message}: ${cure}`,
      {
        cause: error,
      },
    );
  }
  return new LakeError('unavailable', `${catalog.describe()} can't be attached: ${message}`, {
    cause: error,
  });
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
