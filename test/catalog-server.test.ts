import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import {
  startCatalog,
  testCatalog,
  type CatalogProcess,
  type TestCatalog,
} from './support/catalog-server.js';
import { loopbackCertificate } from './support/certificate.js';
import { logsRequest } from './support/otlp.js';
import {
  eventually,
  extensionDir,
  sql,
  startServer,
  temporaryFolder,
  type TestServer,
} from './support/server.js';
import { rawExchange } from './support/wire.js';
import { assertPagesApi } from './support/pages-api.js';

const recordsPerRequest = 20;

/** Sends until told to stop; remembers what was acknowledged. */
class Load {
  readonly acknowledged: string[] = [];
  /** Sent, and the answer was lost or a refusal: may or may not be there. */
  readonly unknown: string[] = [];
  #stop = false;
  #done: Promise<void> = Promise.resolve();

  constructor(
    private readonly url: string,
    private readonly name: string,
  ) {}

  start(): this {
    this.#done = this.#run();
    return this;
  }

  async stop(): Promise<void> {
    this.#stop = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    for (let n = 0; !this.#stop; n++) {
      await this.send(n);
      await sleep(15);
    }
  }

  async send(n: number): Promise<number> {
    const id = `${this.name}-${n}`;
    const body = logsRequest(
      { 'service.name': 'load' },
      Array.from({ length: recordsPerRequest }, () => ({
        timeNs: BigInt(Date.now()) * 1_000_000n,
        body: id,
      })),
    );
    try {
      const response = await fetch(`${this.url}/v1/logs`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf' },
        body,
      });
      (response.status === 200 ? this.acknowledged : this.unknown).push(id);
      return response.status;
    } catch {
      this.unknown.push(id);
      return 0;
    }
  }
}

async function counts(server: { url: string }): Promise<Map<string, number>> {
  const rows = await sql(server, 'SELECT body, count(*) AS n FROM lake.logs GROUP BY body LIMIT 10000');
  return new Map(rows.map((row) => [String(row['body']), Number(row['n'])]));
}

/** Waits until everything acknowledged is there, then compares request by request. */
async function assertExact(server: { url: string }, loads: readonly Load[]): Promise<void> {
  const acknowledged = loads.flatMap((load) => load.acknowledged);
  const unknown = new Set(loads.flatMap((load) => load.unknown));
  assert.ok(acknowledged.length > 5, 'the load did run');
  const found = await eventually(async () => {
    const now = await counts(server);
    return acknowledged.every((id) => now.has(id)) ? now : undefined;
  }, 45_000);
  for (const id of acknowledged) assert.equal(found.get(id), recordsPerRequest, id);
  for (const [id, n] of found) {
    assert.equal(n, recordsPerRequest, id);
    assert.ok(unknown.has(id) || acknowledged.includes(id), `${id} was never sent`);
  }
}

describe('a catalog server and its nodes', () => {
  let catalog: TestCatalog;
  let server: CatalogProcess;
  const nodes: TestServer[] = [];
  let first: TestServer;
  let second: TestServer;
  let query: TestServer;
  const loads: Load[] = [];
  const logs: string[] = [];

  const node = async (role: string, name: string) => {
    const started = await startServer({
      dataDir: join(catalog.folder, name),
      env: { ...catalog.nodeEnv, CANARDSTACK_ROLE: role, CANARDSTACK_SEAL_INTERVAL_MS: '300' },
    });
    nodes.push(started);
    return started;
  };

  before(async () => {
    catalog = await testCatalog(await temporaryFolder());
    server = await startCatalog(catalog);
    first = await node('ingest', 'node-1');
    second = await node('ingest', 'node-2');
    query = await node('query', 'node-3');
  });
  after(async () => {
    for (const each of nodes) await each.kill();
    await server.kill();
    await rm(catalog.folder, { recursive: true, force: true });
  });

  it('takes commits of two nodes and shows them on a third', async () => {
    const both = [new Load(first.url, 'a').start(), new Load(second.url, 'b').start()];
    loads.push(...both);
    await sleep(2000);
    for (const load of both) await load.stop();
    await assertExact(query, loads);
  });

  it('loses nothing and doubles nothing when it is killed under load', async () => {
    const both = [new Load(first.url, 'c').start(), new Load(second.url, 'd').start()];
    loads.push(...both);
    await sleep(800);
    await server.kill();
    await sleep(500);
    server = await startCatalog(catalog);
    for (const load of both) await load.stop();
    await assertExact(query, loads);
  });

  it('answers 503 with the reason while it hangs, and goes on by itself', async () => {
    server.signal('SIGSTOP');
    const load = new Load(first.url, 'e');
    loads.push(load);
    for (let n = 0; n < 10; n++) assert.equal(await load.send(n), 200, 'ingest goes on into the spool');
    const answer = await eventually(async () => {
      const response = await fetch(`${query.url}/api/v1/query?query=up`);
      const body = (await response.json()) as { status: string; error: string };
      return response.status === 503 && /catalog server/.test(body.error) ? body : undefined;
    });
    assert.equal(answer.status, 'error');
    assert.match(answer.error, /no answer within 3 s|away/);
    const ready = await fetch(`${first.url}/readyz`);
    assert.equal(ready.status, 503);
    assert.match(await ready.text(), /catalog/);
    assert.equal((await fetch(`${first.url}/healthz`)).status, 200);
    server.signal('SIGCONT');
    await assertExact(query, loads);
    await eventually(async () => ((await fetch(`${first.url}/readyz`)).ok ? true : undefined));
  });

  it('lets one node at a time run CHECKPOINT, and loses nothing by it', async () => {
    const run = async (target: TestServer) => {
      const response = await fetch(`${target.url}/api/admin/maintenance/checkpoint`, { method: 'POST' });
      return (await response.json()) as { ran: boolean; status: string };
    };
    const results = await Promise.all([run(first), run(second)]);
    assert.deepEqual(results.map(({ status }) => status).sort(), ['busy', 'ok']);
    await assertExact(query, loads);
    const files = await readdir(catalog.dataPath, { recursive: true });
    assert.ok(files.some((name) => name.endsWith('.parquet')));
  });

  it('keeps dashboards of a query node, and tells what it holds', async () => {
    await assertPagesApi(query.url);
  });

  it('tells plain text on its TLS port what is wrong', async () => {
    const answer = await rawExchange(catalog.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 400 [\s\S]*speaks TLS/);
    const metrics = await (await fetch(`${catalog.healthUrl}/metrics`)).text();
    assert.match(metrics, /canardstack_catalog_refused_total\{reason="plain_text"\} 1/);
    assert.match(metrics, /canardstack_catalog_lease_epoch [1-9]/);
    assert.match(await readFile(catalog.log, 'utf8'), /plain text on the TLS port/);
  });

  it('refuses commits that are not one transaction, and statements about the server itself', async () => {
    const remote = await remoteSql(catalog);
    await assert.rejects(remote('INSERT INTO "main".ducklake_snapshot VALUES (999999, NOW(), 1, 1, 1)'));
    await assert.rejects(remote("CALL quack_stop('quack:127.0.0.1:9')"));
    await assert.rejects(remote("SELECT * FROM read_text('/etc/hostname')"), /disabled|authoriz/i);
    assert.equal((await remote('SELECT count(*) FROM ducklake_snapshot')).length, 1);
  });

  it('answers large queries of one client at the same time, each whole', async () => {
    const client = await quackClient();
    const attaching = await client.connect();
    await attaching.run(
      `ATTACH 'quack:127.0.0.1:${catalog.port}' AS server (TOKEN ${quoted(catalog.token)}, DISABLE_SSL false)`,
    );
    const large = async () => {
      const connection = await client.connect();
      const reader = await connection.runAndReadAll(
        `SELECT count(DISTINCT i) FROM quack_query_by_name('server', 'SELECT i FROM range(100000) r(i)')`,
      );
      return Number(reader.getRows()[0]?.[0]);
    };
    for (let round = 0; round < 5; round++) {
      assert.deepEqual(await Promise.all(Array.from({ length: 4 }, large)), Array(4).fill(100_000));
    }
  });

  const refused = async (env: Record<string, string>) => {
    const started = await startServer({
      dataDir: join(catalog.folder, `refused-${Math.random()}`),
      env: { ...catalog.nodeEnv, CANARDSTACK_CATALOG_WAIT_SECS: '0', ...env },
      waitReady: false,
    });
    const { code } = await started.exited;
    const log = await started.logs();
    logs.push(log);
    assert.notEqual(code, 0, log);
    return log;
  };

  it('refuses a node with a wrong token', async () => {
    const log = await refused({ CANARDSTACK_DUCKLAKE_QUACK_TOKEN: 'a-wrong-token-1234' });
    assert.match(log, /refused the token: CANARDSTACK_DUCKLAKE_QUACK_TOKEN/);
    assert.doesNotMatch(log, /a-wrong-token-1234/);
  });

  it('is not believed without its certificate', async () => {
    const log = await refused({ CANARDSTACK_DUCKLAKE_QUACK_INSECURE_TLS: 'false' });
    assert.match(log, /certificate is self-signed: give it by CANARDSTACK_DUCKLAKE_QUACK_CA_FILE/);
  });

  it('refuses a node of another DuckLake format', async () => {
    const remote = await remoteSql(catalog);
    const [[version]] = (await remote("SELECT value FROM ducklake_metadata WHERE key = 'version'")) as [
      [string],
    ];
    await remote("UPDATE ducklake_metadata SET value = '9.9' WHERE key = 'version'");
    const log = await refused({});
    await remote(`UPDATE ducklake_metadata SET value = '${version}' WHERE key = 'version'`);
    assert.match(log, /another DuckLake format/);
  });

  it('keeps a second server out, which says who holds the lease', async () => {
    const { healthUrl, env, ...rest } = await testCatalog(join(catalog.folder, 'second'));
    const waiting = await startCatalog(
      { ...rest, env, healthUrl },
      { env: { CANARDSTACK_DATA_DIR: catalog.env['CANARDSTACK_DATA_DIR'] ?? '' }, waitReady: false },
    );
    const reason = await eventually(async () => {
      const response = await fetch(`${healthUrl}/healthz`);
      const text = await response.text();
      return response.status === 503 && /held by/.test(text) ? text : undefined;
    });
    assert.match(reason, new RegExp(`held by .*${server.pid}`));
    assert.equal((await fetch(`${healthUrl}/readyz`)).status, 503);
    assert.equal(await waiting.stop(), 0);
  });

  it('stops cleanly: no WAL is left, and the lease is released', async () => {
    for (const each of nodes.splice(0)) {
      logs.push(await each.logs());
      assert.equal(await each.stop(), 0);
    }
    assert.equal(await server.stop(), 0);
    const names = await readdir(join(catalog.folder, 'catalog'));
    assert.ok(!names.some((name) => name.endsWith('.wal')), names.join());
    const again = await startCatalog(catalog);
    const health = await fetch(`${catalog.healthUrl}/healthz`);
    assert.deepEqual([health.status, await health.json()], [200, { status: 'ok' }]);
    assert.equal(await again.stop(), 0);
  });

  it('wrote the token into no log', async () => {
    logs.push(await readFile(catalog.log, 'utf8'));
    for (const log of logs) assert.ok(!log.includes(catalog.token));
    assert.ok(logs.length > 5);
  });
});

describe('a catalog server without its lease', () => {
  it('ends with exit code 3 after a pause that outlasted it, and says why', async () => {
    const catalog = await testCatalog(await temporaryFolder());
    const server = await startCatalog(catalog, { env: { CANARDSTACK_CATALOG_LEASE_SECS: '4' } });
    server.signal('SIGSTOP');
    await sleep(5500);
    server.signal('SIGCONT');
    const { code } = await server.exited;
    assert.equal(code, 3);
    assert.match(await readFile(catalog.log, 'utf8'), /does not own the catalog any more/);
    await rm(catalog.folder, { recursive: true, force: true });
  });
});

describe('the certificate of a catalog server', () => {
  it('is checked against the CA file, and refused once it has expired', async () => {
    const catalog = await testCatalog(await temporaryFolder());
    const made = await loopbackCertificate(-3, -1);
    const [cert, key] = [join(catalog.folder, 'tls.crt'), join(catalog.folder, 'tls.key')];
    await writeFile(cert, made.cert);
    await writeFile(key, made.private);
    const server = await startCatalog(catalog, {
      env: { CANARDSTACK_TLS_CERT: cert, CANARDSTACK_TLS_KEY: key },
    });
    try {
      const node = await startServer({
        env: {
          ...catalog.nodeEnv,
          CANARDSTACK_DUCKLAKE_QUACK_INSECURE_TLS: 'false',
          CANARDSTACK_DUCKLAKE_QUACK_CA_FILE: cert,
          CANARDSTACK_CATALOG_WAIT_SECS: '0',
        },
        waitReady: false,
      });
      const { code } = await node.exited;
      assert.equal(code, 1);
      assert.match(await node.logs(), /certificate has expired/);
    } finally {
      await server.kill();
      await rm(catalog.folder, { recursive: true, force: true });
    }
  });

  it('is replaced while nodes are at work', async () => {
    const catalog = await testCatalog(await temporaryFolder());
    const [before, after] = [await loopbackCertificate(-1, 2), await loopbackCertificate(-1, 3)];
    const [cert, key, ca] = ['tls.crt', 'tls.key', 'ca.crt'].map((name) => join(catalog.folder, name)) as [
      string,
      string,
      string,
    ];
    const write = async (pair: typeof before) => {
      await writeFile(key, pair.private);
      await writeFile(cert, pair.cert);
    };
    const shown = async () => {
      const socket = connect({ host: '127.0.0.1', port: catalog.port, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { valid_to: until } = socket.getPeerCertificate();
      socket.destroy();
      return Math.round((Date.parse(until) - Date.now()) / 86_400_000);
    };
    await write(before);
    await writeFile(ca, before.cert + '\n' + after.cert);
    const server = await startCatalog(catalog, {
      env: { CANARDSTACK_TLS_CERT: cert, CANARDSTACK_TLS_KEY: key },
    });
    const node = await startServer({
      dataDir: join(catalog.folder, 'node'),
      env: {
        ...catalog.nodeEnv,
        CANARDSTACK_DUCKLAKE_QUACK_INSECURE_TLS: 'false',
        CANARDSTACK_DUCKLAKE_QUACK_CA_FILE: ca,
      },
    });
    try {
      assert.equal(await shown(), 2);
      const load = new Load(node.url, 'certificate').start();
      await sleep(500);
      await write(after);
      await eventually(async () => ((await shown()) === 3 ? true : undefined));
      await sleep(500);
      await load.stop();
      await assertExact(node, [load]);
      assert.deepEqual(load.unknown, []);
    } finally {
      await node.kill();
      await server.kill();
      await rm(catalog.folder, { recursive: true, force: true });
    }
  });
});

/** Statements as a client with the token sends them, without a tunnel. */
async function quackClient(): Promise<DuckDBInstance> {
  const instance = await DuckDBInstance.create(':memory:', {
    extension_directory: extensionDir(),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  for (const name of ['httpfs', 'quack']) await connection.run(`LOAD ${name}`);
  await connection.run('SET GLOBAL enable_curl_server_cert_verification = false');
  connection.closeSync();
  return instance;
}

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

async function remoteSql(catalog: TestCatalog): Promise<(text: string) => Promise<unknown[][]>> {
  const connection = await (await quackClient()).connect();
  return async (text) => {
    const reader = await connection.runAndReadAll(
      `SELECT * FROM quack_query('quack:127.0.0.1:${catalog.port}', ${quoted(text)}, token => ${quoted(catalog.token)}, disable_ssl => false)`,
    );
    return reader.getRows();
  };
}
