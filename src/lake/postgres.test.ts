import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { columnBatch } from '../../test/support/batch.js';
import { loopbackCertificate } from '../../test/support/certificate.js';
import { lakeConfig, rowsOf, silentTelemetry } from '../../test/support/open-lake.js';
import { skipWithoutPostgres, startPostgres, type TestPostgres } from '../../test/support/postgres.js';
import { eventually, temporaryFolder } from '../../test/support/server.js';
import type { Telemetry } from '../telemetry/index.js';
import { LakeError, openLake, type Lake } from './index.js';

const timestamp = 1_764_000_000_000_000;

describe('a lake with a PostgreSQL catalog', { skip: skipWithoutPostgres() }, () => {
  let postgres: TestPostgres;
  let folder: string;
  const open: Lake[] = [];

  const node = async (nodeId: string, dsn = postgres.dsn, telemetry: Telemetry = silentTelemetry()) => {
    const lake = await openLake({
      config: lakeConfig(join(folder, nodeId), {
        postgresDsn: dsn,
        ducklakeDataPath: join(folder, 'data'),
        dataInliningRowLimit: 10,
        duckdbMemoryLimitBytes: 256 * 1024 * 1024,
        catalogCreateOverData: true,
      }),
      nodeId,
      telemetry,
    });
    open.push(lake);
    return lake;
  };
  const commit = (lake: Lake, stream: string, position: number, rows = 1) =>
    lake.commit(
      [
        columnBatch({
          logs: Array.from({ length: rows }, (_, i) => ({ timestamp, body: `${stream} ${position} ${i}` })),
        }),
      ],
      [{ stream, position }],
    );
  const count = async (lake: Lake) =>
    Number((await rowsOf(lake, 'SELECT count(*) n FROM lake.logs'))[0]?.['n']);
  /** A session that holds an advisory lock until it is ended. */
  const holding = async (key: number, work: () => Promise<void>) => {
    const held = postgres
      .psql(`SELECT pg_advisory_lock(1667329633, ${key}), pg_sleep(60)`)
      .catch(() => undefined);
    const holders = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = ${key}`;
    await eventually(async () => ((await postgres.psql(holders)).length > 0 ? true : undefined));
    try {
      await work();
    } finally {
      await postgres.psql(`SELECT pg_terminate_backend(pid) FROM (${holders}) h`);
      await held;
    }
  };
  const metric = async (telemetry: Telemetry, name: string) => {
    const found = await telemetry.registry.getSingleMetric(name)?.get();
    return found?.values[0]?.value;
  };

  before(async () => {
    folder = await temporaryFolder();
    postgres = await startPostgres();
  });

  after(async () => {
    for (const lake of open) await lake.close();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('is made by nodes that start at once, and takes the commits of all of them without a conflict', async () => {
    const telemetry = silentTelemetry();
    const [a, b, c] = await Promise.all([node('a', postgres.dsn, telemetry), node('b'), node('c')]);
    await Promise.all(
      [a, b, c].map(async (lake, i) => {
        for (let n = 1; n <= 4; n++) await commit(lake, `${'abc'[i]}/logs`, n, n % 2 === 0 ? 30 : 3);
      }),
    );
    assert.equal(await count(a), 3 * (3 + 30 + 3 + 30));
    assert.deepEqual(Object.fromEntries(await b.watermarks()), { 'a/logs': 4, 'b/logs': 4, 'c/logs': 4 });
    assert.equal(await metric(telemetry, 'canardstack_lake_commit_conflicts_total'), 0);
    const [rows] = await postgres.psql(
      `SELECT record_count, next_row_id FROM ducklake_table_stats s JOIN ducklake_table t USING (table_id) WHERE table_name = 'logs'`,
    );
    assert.equal(rows, '198|198', "DuckLake's own counts");
  });

  it('lets one node run maintenance at a time', async () => {
    const [lake] = open as [Lake];
    await holding(2, async () => {
      assert.deepEqual(await lake.maintenance.checkpoint(), { ran: false, status: 'busy' });
    });
    assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
    assert.equal(await count(lake), 198);
  });

  it('is committed to without the lock of a node that hangs, then collides and is tried again', async () => {
    const [first, second] = open as [Lake, Lake];
    await holding(1, async () => {
      await Promise.all([commit(first, 'a/logs', 5, 20), commit(second, 'b/logs', 5, 20)]);
    });
    assert.equal(await count(first), 238);
    assert.equal((await first.watermarks()).get('b/logs'), 5);
  });

  it('is read again after another node changed columns and flushed the rows in the catalog', async () => {
    const [first, second] = open as [Lake, Lake];
    await commit(first, 'a/logs', 6, 3);
    assert.equal(await count(second), 241);
    await first.withConnection(async (connection) => {
      await connection.run('ALTER TABLE lake.main.logs ADD COLUMN extra INTEGER');
    });
    await count(second);
    assert.equal((await first.maintenance.checkpoint()).status, 'ok');
    assert.equal(await eventually(() => count(second)), 241);
  });

  it('keeps everything while the wall clock of one node is wrong, and its other nodes say so', async () => {
    const dsn = await postgres.database('clocks');
    const dayMs = 86_400_000;
    let offsetMs = 0;
    const start = async (nodeId: string, wall: () => number) => {
      const lake = await openLake({
        config: lakeConfig(join(folder, nodeId), {
          postgresDsn: dsn,
          ducklakeDataPath: join(folder, 'clock-data'),
          snapshotRetentionSecs: 1,
          retentionDays: 7,
        }),
        nodeId,
        telemetry: silentTelemetry(),
        clocks: { wall, monotonic: () => performance.now() },
      });
      open.push(lake);
      return lake;
    };
    const right = await start('right', () => Date.now());
    const wrong = await start('wrong', () => Date.now() + offsetMs);
    const kinds = async () => {
      const looks = [];
      for (const lake of [right, wrong, right, wrong]) looks.push(await lake.time.look({ write: true }));
      return looks.slice(2).map(({ contradiction }) => contradiction?.kind ?? null);
    };
    for (const [i, lake] of [right, wrong].entries()) {
      const logs = Array.from({ length: 50 }, (_, n) => ({ timestamp: Date.now() * 1000 + n, body: 'b' }));
      await lake.commit([columnBatch({ logs })], [{ stream: `clock-${i}/logs`, position: 1 }]);
    }
    assert.deepEqual(await kinds(), [null, null]);
    for (const [days, kind] of [
      [400, 'ahead'],
      [-2, 'behind'],
    ] as const) {
      offsetMs = days * dayMs;
      assert.deepEqual(await kinds(), ['nodes', kind]);
      for (const lake of [right, wrong]) {
        assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
        await lake.maintenance.retention({ dryRun: false });
        assert.equal(await count(lake), 100);
      }
      offsetMs = 0;
      assert.deepEqual(await kinds(), [null, null]);
    }
  });

  it('is opened with the password of the environment when its connection string has none', async () => {
    process.env['PGPASSWORD'] = postgres.password;
    try {
      const lake = await node('environment', postgres.dsn.replace(`password=${postgres.password} `, ''));
      await lake.ping();
    } finally {
      delete process.env['PGPASSWORD'];
    }
    await assert.rejects(
      node('none', postgres.dsn.replace(`password=${postgres.password} `, '')),
      (error) => {
        assert.ok(error instanceof LakeError && error.kind === 'denied', String(error));
        assert.match(error.message, /no password supplied.*: correct the user or the password/);
        return true;
      },
    );
  });

  it('that is away is said to be so without its password', async () => {
    const wrong = postgres.dsn.replace(postgres.password, 'wr0ng-s3cret');
    const nowhere = postgres.dsn.replace(`port=${postgres.port}`, 'port=1');
    const noDatabase = postgres.dsn.replace('dbname=lake', 'dbname=l\u00e4ke');
    for (const [dsn, kind, reason] of [
      [wrong, 'denied', /^CANARDSTACK_POSTGRES_DSN: .*password authentication failed.*: correct the user/],
      [noDatabase, 'denied', /database "läke" does not exist.*: correct the name of the database/],
      [`${postgres.dsn} hots=x`, 'denied', /invalid connection option "hots": correct the connection string/],
      [`${postgres.dsn} sslmode=require`, 'denied', /does not support SSL.*: correct sslmode/],
      [nowhere, 'unavailable', /refused/],
      ['s3cret', 'denied', /CANARDSTACK_POSTGRES_DSN is not a libpq connection string/],
    ] as const) {
      await assert.rejects(node('z', dsn), (error) => {
        assert.ok(error instanceof LakeError && error.kind === kind, String(error));
        assert.match(error.message, reason);
        assert.doesNotMatch(error.message, /s3cret/);
        return true;
      });
    }
  });
});

describe('a PostgreSQL catalog behind TLS', { skip: skipWithoutPostgres() }, () => {
  it('is believed with its certificate only', async () => {
    const folder = await temporaryFolder();
    const [mine, other] = [await loopbackCertificate(), await loopbackCertificate()];
    const postgres = await startPostgres({ tls: { cert: mine.cert, key: mine.private } });
    const open = async (ca: string) => {
      const file = join(folder, 'ca.crt');
      await writeFile(file, ca);
      return openLake({
        config: lakeConfig(join(folder, 'node'), {
          postgresDsn: `${postgres.dsn} sslmode=verify-full sslrootcert=${file}`,
          ducklakeDataPath: join(folder, 'data'),
        }),
        nodeId: 'node',
        telemetry: silentTelemetry(),
      });
    };
    try {
      await assert.rejects(open(other.cert), (error) => {
        assert.ok(error instanceof LakeError && error.kind === 'denied', String(error));
        assert.match(error.message, /certificate verify failed/);
        assert.ok(!error.message.includes(postgres.password), error.message);
        return true;
      });
      const lake = await open(mine.cert);
      const rows = columnBatch({ logs: [{ timestamp, body: 'sealed' }] });
      await lake.commit([rows], [{ stream: 'node/logs', position: 1 }]);
      assert.equal((await rowsOf(lake, 'SELECT body FROM lake.logs'))[0]?.['body'], 'sealed');
      const plain = `SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE NOT ssl AND client_port > 0`;
      assert.deepEqual(await postgres.psql(plain), ['0']);
      await lake.close();
    } finally {
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
