import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { settled } from '../drill/kill/epoch.js';
import { assertExact, verify } from '../drill/kill/verify.js';
import { paced, Workload } from '../drill/kill/workload.js';
import { assertPagesApi } from './support/pages-api.js';
import { skipWithoutPostgres, startPostgres, type TestPostgres } from './support/postgres.js';
import { eventually, sql, startServer, temporaryFolder, type TestServer } from './support/server.js';

interface Checkpoint {
  ran: boolean;
  status: string;
}

describe('several nodes on a PostgreSQL catalog', { skip: skipWithoutPostgres() }, () => {
  let postgres: TestPostgres;
  let folder: string;
  const running = new Set<TestServer>();

  const start = async (name: string, role: 'ingest' | 'query' | 'all', env: Record<string, string> = {}) => {
    const server = await startServer({
      dataDir: join(folder, name),
      env: {
        CANARDSTACK_POSTGRES_DSN: postgres.dsn,
        CANARDSTACK_DUCKLAKE_DATA_PATH: join(folder, 'data'),
        CANARDSTACK_ROLE: role,
        CANARDSTACK_SEAL_INTERVAL_MS: '200',
        CANARDSTACK_DATA_INLINING_ROW_LIMIT: '100',
        ...env,
      },
    });
    running.add(server);
    return server;
  };
  const checkpoint = async (server: TestServer) => {
    const response = await fetch(`${server.url}/api/admin/maintenance/checkpoint`, { method: 'POST' });
    return (await response.json()) as Checkpoint;
  };
  const loki = (server: TestServer) =>
    fetch(
      `${server.url}/loki/api/v1/query_range?query=${encodeURIComponent('{service_name="drill"}')}&limit=1`,
    );

  before(async () => {
    folder = await temporaryFolder();
    postgres = await startPostgres();
  });

  after(async () => {
    for (const server of running) await server.kill().catch(() => undefined);
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('start together on an empty database and keep each record once through the loss of a node and of PostgreSQL', async () => {
    const nodes = await Promise.all([
      start('first', 'ingest'),
      start('second', 'ingest'),
      start('query', 'query'),
    ]);
    const loads = [new Workload('a', paced), new Workload('b', paced)] as const;
    const [first, killed, query] = nodes;
    loads[0].start(first.url, 3);
    loads[1].start(killed.url, 3);
    await sleep(1500);

    const both = await Promise.all([checkpoint(first), checkpoint(killed), checkpoint(query)]);
    const ran = both.filter((result) => result.ran);
    assert.ok(ran.length >= 1 && ran.every((result) => result.status === 'ok'), JSON.stringify(both));
    for (const result of both) if (!result.ran) assert.equal(result.status, 'busy');

    await killed.kill();
    running.delete(killed);
    await loads[1].stop();
    const second = await start('second', 'ingest');
    const more = new Workload('c', paced);
    more.start(second.url, 3);
    await sleep(500);

    await postgres.kill();
    await eventually(async () => ((await loki(query)).status === 503 ? true : undefined));
    assert.equal((await fetch(`${query.url}/readyz`)).status, 503);
    const before = loads[0].acked;
    await eventually(() => Promise.resolve(loads[0].acked > before + 3 ? true : undefined));
    await postgres.start();
    await eventually(async () => ((await loki(query)).ok ? true : undefined));
    await sleep(500);
    await Promise.all([loads[0].stop(), more.stop()]);
    await Promise.all([settled(first), settled(second)]);
    assert.deepEqual(
      (await Promise.all([checkpoint(first), checkpoint(second)]))
        .map((result) => result.status)
        .includes('ok'),
      true,
    );
    for (const [prefix, load] of [
      ['a', loads[0]],
      ['b', loads[1]],
      ['c', more],
    ] as const) {
      assertExact(await verify(query, prefix, load.sent), prefix);
    }
    for (const server of [first, second, query]) {
      assert.ok(!(await server.logs()).includes(postgres.password), 'the password is in the log');
      assert.equal(await server.stop(), 0);
      running.delete(server);
    }
  });

  it('show nothing of PostgreSQL but the lake through admin SQL, and keep dashboards', async () => {
    await postgres.psql('CREATE TABLE secret_of_another AS SELECT 42 AS answer');
    await postgres.psql('CREATE SCHEMA other; CREATE TABLE other.hidden AS SELECT 43 AS answer');
    const server = await start('sql', 'query');
    const metadata = '__ducklake_metadata_lake';
    for (const refused of [
      `FROM ${metadata}.pg_catalog.pg_authid`,
      `FROM "${metadata}"."pg_catalog"."pg_authid"`,
      `FROM ${metadata}.public.secret_of_another`,
      `FROM ${metadata}.other.hidden`,
      `FROM ${metadata}.main.ducklake_data_file`,
      `FROM ${metadata}.ducklake_data_file`,
      `FROM ${metadata}.information_schema.tables`,
      `SELECT (SELECT max(rolpassword) FROM ${metadata}.pg_catalog.pg_authid)`,
      `WITH x AS (FROM ${metadata}.pg_catalog.pg_authid) FROM x`,
      `DESCRIBE ${metadata}.pg_catalog.pg_authid`,
      `SUMMARIZE ${metadata}.public.secret_of_another`,
      `FROM pragma_table_info('${metadata}.pg_catalog.pg_authid')`,
      `FROM pragma_table_info('${metadata}.public.' || 'secret_of_another')`,
      'FROM pg_authid',
      'FROM pg_catalog.pg_authid',
      'FROM lake.pg_catalog.pg_authid',
      'FROM secret_of_another',
      'FROM public.secret_of_another',
      `FROM postgres_query('${metadata}', 'SELECT * FROM pg_authid')`,
      `SELECT * FROM postgres_scan('${postgres.dsn}', 'public', 'secret_of_another')`,
      `ATTACH '${postgres.dsn}' AS again (TYPE postgres)`,
      `FROM ducklake_table_info('${metadata}')`,
      `SELECT pg_read_file('/etc/passwd')`,
    ]) {
      await assert.rejects(sql(server, refused), /^Error: 400: \{"error":\{"code":"bad_data"/, refused);
    }
    for (const [what, column] of [
      ['information_schema.tables', 'table_name'],
      ['information_schema.columns', 'table_name'],
      ['duckdb_tables()', 'table_name'],
      ['duckdb_columns()', 'table_name'],
      ['duckdb_views()', 'view_name'],
      ['duckdb_schemas()', 'schema_name'],
      ['(SHOW ALL TABLES)', 'name'],
    ]) {
      const rows = await sql(server, `SELECT DISTINCT ${column} AS name FROM ${what}`);
      const names = rows.map(({ name }) => String(name));
      assert.ok(names.length > 0, what);
      assert.deepEqual(
        names.filter((name) => /secret|hidden|other|pg_authid|ducklake_/.test(name)),
        [],
        what,
      );
    }
    const shown = await sql(server, "FROM pragma_table_info('lake.main.logs')");
    assert.ok(shown.some(({ name }) => name === 'body'));
    await assertPagesApi(server.url);
    assert.equal(await server.stop(), 0);
    running.delete(server);
  });

  it('take data and answer in time while PostgreSQL hangs', async () => {
    const server = await start('hang', 'all', { CANARDSTACK_QUERY_TIMEOUT_MS: '1000' });
    const load = new Workload('h', paced);
    load.start(server.url, 2);
    await eventually(() => Promise.resolve(load.acked > 5 ? true : undefined));
    await postgres.signalAll('SIGSTOP');
    try {
      const acked = load.acked;
      const answers = await Promise.all([loki(server), loki(server), fetch(`${server.url}/readyz`)]);
      for (const { status } of answers) assert.ok(status === 503 || status === 504, String(status));
      assert.ok(load.acked > acked, 'nothing was taken');
    } finally {
      await postgres.signalAll('SIGCONT');
    }
    await eventually(async () => ((await loki(server)).ok ? true : undefined));
    await load.stop();
    await settled(server);
    assertExact(await verify(server, 'h', load.sent), 'h');
    assert.equal(await server.stop(), 0);
    running.delete(server);
  });

  it('refuse the second of two servers on copies of one data folder', async () => {
    const original = await start('one', 'ingest');
    const load = new Workload('d', paced);
    load.start(original.url, 2);
    await sleep(700);
    await load.stop();
    await settled(original);
    assert.equal(await original.stop(), 0);
    running.delete(original);
    await cp(join(folder, 'one'), join(folder, 'copy'), { recursive: true });

    const again = await start('one', 'ingest');
    const copy = await start('copy', 'ingest');
    const more = new Workload('e', paced);
    more.start(again.url, 2);
    await sleep(700);
    await more.stop();
    await settled(again);
    // What it would take now could never be committed: the first commit finds that out, and then it refuses.
    const other = new Workload('f', paced);
    other.start(copy.url, 1);
    await eventually(async () =>
      (await copy.logs()).includes('copies of one data folder') ? true : undefined,
    );
    await eventually(() => Promise.resolve(other.refused > 0 ? true : undefined));
    await other.stop();
    assert.equal((await fetch(`${copy.url}/readyz`)).status, 503);
    assertExact(await verify(again, 'e', more.sent), 'e');
    const [found] = await sql(
      again,
      `SELECT count(*)::INTEGER AS n FROM lake.logs WHERE starts_with(body, 'f-')`,
    );
    assert.equal(found?.['n'], 0);
  });
});
