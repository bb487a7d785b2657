import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { BindAddress } from '../../config/address.js';
import {
  firstLine,
  ident,
  LakeError,
  listLiteral,
  literal,
  openDatabase,
  type RawDatabase,
} from '../../duckdb/index.js';

export interface BackendOptions {
  /** The catalog file to open: the lease's, not the one that the settings name. */
  readonly file: string;
  readonly extensionDir: string;
  readonly memoryLimitBytes: number;
  readonly threads: number;
  /** Loopback; nothing but the terminator is meant to reach it. */
  readonly address: BindAddress;
  readonly token: string;
  /** The one folder in which it may make files. */
  readonly scratch: string;
}

const connectTimeoutMs = 2000;
/** Far above any result: with the default of 12 a result of 24,576 rows is not whole yet. */
const chunksOfOneAnswer = 1_000_000;

/** DuckLake on the server gives its clients `ducklake_commit`: without it a commit is many transactions. */
export const catalogServerExtensions = ['httpfs', 'quack', 'ducklake'] as const;

/** A DuckDB that has the catalog file open and serves it by Quack on a loopback port. */
export class QuackBackend {
  #stopped = false;

  private constructor(
    private readonly database: RawDatabase,
    private readonly connection: DuckDBConnection,
    private readonly uri: string,
    readonly file: string,
  ) {}

  /** Throws LakeError: 'locked' when another process holds the file, 'extension', 'unavailable'. */
  static async open(options: BackendOptions): Promise<QuackBackend> {
    const { file, address } = options;
    await assertFree(address);
    let database: RawDatabase;
    try {
      database = await openDatabase(
        {
          extension_directory: options.extensionDir,
          autoinstall_known_extensions: 'false',
          autoload_known_extensions: 'false',
          allow_persistent_secrets: 'false',
          memory_limit: `${options.memoryLimitBytes}B`,
          threads: String(options.threads),
        },
        // Quack serves the database that DuckDB was opened with, whatever USE says.
        file,
      );
    } catch (error) {
      throw openError(error, file);
    }
    try {
      const { connection } = await database.connect();
      const backend = new QuackBackend(database, connection, quackUri(address), file);
      await backend.#start(options);
      return backend;
    } catch (error) {
      database.instance.closeSync();
      throw error;
    }
  }

  async #start({ extensionDir, token, scratch }: BackendOptions): Promise<void> {
    for (const name of catalogServerExtensions) {
      try {
        await this.connection.run(`LOAD ${ident(name)}`);
      } catch (error) {
        throw new LakeError(
          'extension',
          `DuckDB extension "${name}" does not load from ${extensionDir}: ${firstLine(error)}`,
          { cause: error },
        );
      }
    }
    await this.connection.run("ATTACH ':memory:' AS gate");
    await this.connection.run(gateMacro);
    // Locks between clients: gone with this process, as its clients' sessions are.
    await this.connection.run(
      'CREATE TABLE gate.main.locks (name VARCHAR PRIMARY KEY, holder VARCHAR NOT NULL, until BIGINT NOT NULL)',
    );
    // All queries of a node share a session, which keeps one result: the next query closes what is not fetched yet.
    await this.connection.run(`SET GLOBAL quack_fetch_batch_chunks = ${chunksOfOneAnswer}`);
    await this.connection.run("SET GLOBAL quack_authorization_function = 'gate.main.allow'");
    try {
      await this.connection.run(
        `CALL quack_serve(${literal(this.uri)}, token => ${literal(token)}, allow_other_hostname => true)`,
      );
    } catch (error) {
      // The cause would hold the statement, and so the token.
      const reason = firstLine(error).replaceAll(token, '***');

      throw new LakeError('unavailable', `Quack does not serve on ${this.uri}: ${reason}`);
    }
    await this.connection.run(`SET allowed_directories = ${listLiteral([`${scratch}/`])}`);
    await this.connection.run('SET enable_external_access = false');
    await this.connection.run('SET lock_configuration = true');
  }

  /** A query on the tables that every client reads first. Rejects with the reason. */
  async probe(): Promise<void> {
    const { connection } = await this.database.connect();
    try {
      await connection.runAndReadAll(
        'SELECT snapshot_id FROM main.ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1',
      );
    } finally {
      connection.closeSync();
    }
  }

  /** A connection of its own, and the name of the database that is served. */
  async withConnection<T>(work: (connection: DuckDBConnection, database: string) => Promise<T>): Promise<T> {
    const { connection } = await this.database.connect();
    try {
      const reader = await connection.runAndReadAll('SELECT current_database()');
      return await work(connection, String(reader.getRows()[0]?.[0]));
    } finally {
      connection.closeSync();
    }
  }

  /** Sessions of clients; those of clients that died stay until the server stops. */
  async sessions(): Promise<number> {
    const reader = await this.connection.runAndReadAll('SELECT count(*) FROM quack_active_connections()');
    return Number(reader.getRows()[0]?.[0] ?? 0);
  }

  /** Writes the WAL back into the file; rejects while transactions that wrote are open. */
  async checkpoint(): Promise<void> {
    await this.connection.run('CHECKPOINT');
  }

  /** Bytes of the catalog file and of its WAL. */
  async sizes(): Promise<{ file: number; wal: number }> {
    const [file, wal] = await Promise.all([this.file, `${this.file}.wal`].map(sizeOf));
    return { file: file ?? 0, wal: wal ?? 0 };
  }

  /** Stops serving, writes the WAL back and closes the file. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    try {
      await this.connection.run(`CALL quack_stop(${literal(this.uri)})`);
      await this.connection.run('CHECKPOINT');
    } finally {
      this.connection.closeSync();
      this.database.instance.closeSync();
    }
  }
}

/**
 * What a client may send. A batch that begins with a snapshot is a commit made by the client's own DuckLake, statement
 * by statement: a crash between two of them would leave half of it. Commits by `ducklake_commit` are one transaction.
 * Only beginnings are looked at: what follows may hold anybody's data. DuckLake's own flush takes inlined rows out at once,
 * whatever becomes of its commit: nodes flush otherwise (docs/decisions/0020-flush-over-quack.md).
 */
const gateMacro = `CREATE MACRO gate.main.allow(session, statement) AS (
  NOT starts_with(ltrim(statement), 'INSERT INTO "main".ducklake_snapshot')
  AND NOT regexp_matches(statement[1:400], '^\\s*DELETE FROM "main"\\.ducklake_inlined_(data|delete)_\\d')
  AND NOT regexp_matches(lower(statement[1:400]),
    '^\\s*(attach|detach|install|load|copy|export|import|set|reset|pragma|force|checkpoint|drop\\s+database)\\b|quack_(serve|stop|identify)\\s*\\(')
)`;

function quackUri({ host, port }: BindAddress): string {
  return `quack:${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Quack's server shares a port with another one without a word, and half of the requests would reach that. Asked by
 * connecting: the port of a server that was killed can't be bound without such sharing for a minute.
 */
async function assertFree(address: BindAddress): Promise<void> {
  const socket = connect(address.port, address.host);
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(connectTimeoutMs) });
  } catch {
    return;
  } finally {
    socket.destroy();
  }
  throw new LakeError(
    'unavailable',
    `CANARDSTACK_CATALOG_QUACK_BACKEND: another server listens on ${address.host}:${address.port} already`,
  );
}

function openError(error: unknown, file: string): LakeError {
  const message = firstLine(error);
  const lock = /Could not set lock on file.*?(?:\(PID (\d+)\)|$)/s.exec(message);
  if (!lock) return new LakeError('unavailable', `the catalog ${file} can't be opened: ${message}`);
  const holder = lock[1] === undefined ? 'another process' : `process ${lock[1]}`;
  return new LakeError('locked', `the catalog ${file} is in use: lock held by ${holder}`, { cause: error });
}

function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (found) => found.size,
    () => 0,
  );
}
