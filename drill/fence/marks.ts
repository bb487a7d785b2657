import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { extensionDir } from '../../test/support/server.js';

/** Statements to a catalog server as any Quack client sends them: with the token, without a node's tunnel. */
export class QuackClient {
  private constructor(
    private readonly instance: DuckDBInstance,
    private readonly server: { port: number; token: string },
  ) {}

  static async open(server: { port: number; token: string }): Promise<QuackClient> {
    const instance = await DuckDBInstance.create(':memory:', {
      extension_directory: extensionDir(),
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      threads: '1',
    });
    const connection = await instance.connect();
    for (const name of ['httpfs', 'quack']) await connection.run(`LOAD ${name}`);
    await connection.run('SET GLOBAL enable_curl_server_cert_verification = false');
    connection.closeSync();
    return new QuackClient(instance, server);
  }

  /** Waits for the answer as long as the server lives. */
  async sql(text: string, connection?: DuckDBConnection): Promise<unknown[][]> {
    const { port, token } = this.server;
    const used = connection ?? (await this.instance.connect());
    const [statement, secret] = [text, token].map((each) => `'${each.replaceAll("'", "''")}'`);
    try {
      const reader = await used.runAndReadAll(
        `SELECT * FROM quack_query('quack:127.0.0.1:${port}', ${statement}, token => ${secret}, disable_ssl => false)`,
      );
      return reader.getRows();
    } finally {
      if (!connection) used.closeSync();
    }
  }
}

/**
 * A client that writes numbers into a table of its own in the catalog, as fast as it is answered, and notes which
 * were confirmed. It shows what a catalog server's answers are worth.
 */
export class Marks {
  readonly confirmed = new Set<number>();
  readonly sent: { n: number; at: number }[] = [];
  #running = true;
  #done: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly client: QuackClient,
    private readonly round: string,
  ) {}

  static async start(client: QuackClient, round: string): Promise<Marks> {
    await client.sql('CREATE TABLE IF NOT EXISTS main.drill_marks (round VARCHAR, n INTEGER)');
    const marks = new Marks(client, round);
    // As many as leave one of Node's four pool threads: each holds one for as long as its server is stopped.
    marks.#done = Promise.all(Array.from({ length: 3 }, () => marks.#run()));
    return marks;
  }

  /** No more after this; resolves when the last one was answered or its server is gone. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (this.#running) {
      const n = this.sent.length;
      this.sent.push({ n, at: performance.now() });
      try {
        await this.client.sql(`INSERT INTO main.drill_marks VALUES ('${this.round}', ${n})`);
        this.confirmed.add(n);
      } catch {
        await sleep(20);
      }
    }
  }
}

/** The marks of a round that a server's catalog holds, ascending. */
export async function marksAt(client: QuackClient, round: string): Promise<number[]> {
  const rows = await client.sql(`SELECT n FROM main.drill_marks WHERE round = '${round}' ORDER BY n`);
  return rows.map(([n]) => Number(n));
}
