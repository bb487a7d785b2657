import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { Client } from '../src/cli/client.js';
import { smokeData } from '../src/cli/smoke-data.js';
import { SmokeSteps } from '../src/cli/smoke-steps.js';
import { matrixPage, points, type Point, type RunOfKind } from './matrix-page.js';
import { Backends, catalogOf, lakeKinds, skipKind, TestLake, type LakeKind } from './support/lake-kinds.js';
import { logsRequest, metricsRequest, spansRequest } from './support/otlp.js';
import { eventually, sql, type TestServer } from './support/server.js';

/** More than the inlining limit below, so that it goes to Parquet at once. */
const bulk = 300;
const resource = { 'service.name': 'bulk' };
const dayNs = 86_400_000_000_000n;
/** Where each signal's records lie, and what tells them apart. */
const counted = {
  logs: 'body',
  spans: 'span_name',
  metric_gauge: `coalesce(json_extract_string(metric_attributes, '$.id'), '')`,
};

/** The same acceptance suite on each kind of lake. Each `it` stands on those before it. */
function acceptance(kind: LakeKind, backends: Backends, result: RunOfKind) {
  let lake: TestLake;
  const smokes: ReturnType<typeof smokeData>[] = [];
  let bulks = 0;
  let oldRows = 0;

  const point = (name: Point, text: string, work: () => Promise<void>) => {
    void it(text, async () => {
      const begun = performance.now();
      result.points[name] = { status: 'failed', milliseconds: 0 };
      await work();
      result.points[name] = { status: 'ok', milliseconds: Math.round(performance.now() - begun) };
    });
  };
  const post = async (path: string, body: Uint8Array) => {
    const response = await fetch(lake.ingest.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: Uint8Array.from(body),
    });
    assert.equal(response.status, 200, await response.text());
  };
  const ingest = async () => {
    const timeNs = BigInt(Date.now()) * 1_000_000n;
    const ids = Array.from({ length: bulk }, (_, i) => `${bulks}/${i}`);
    await post(
      '/v1/logs',
      logsRequest(
        resource,
        ids.map((id) => ({ timeNs, body: id })),
      ),
    );
    const spans = ids.map((id) => ({
      traceId: randomBytes(16),
      spanId: randomBytes(8),
      name: id,
      startNs: timeNs,
      endNs: timeNs + 1000n,
    }));
    await post('/v1/traces', spansRequest(resource, spans));
    const samples = ids.map((id, value) => ({ timeNs, value, attributes: { id } }));
    await post(
      '/v1/metrics',
      metricsRequest(resource, [{ name: 'bulk', kind: 'gauge', points: samples }], timeNs),
    );
    bulks++;
    const smoke = smokeData();
    smokes.push(smoke);
    await steps(lake.ingest, smoke).send();
  };
  const steps = (server: TestServer, smoke: ReturnType<typeof smokeData>) =>
    new SmokeSteps(new Client(server.url), {}, smoke, 20_000);
  const ask = async () => {
    for (const smoke of new Set([smokes[0], smokes.at(-1)])) {
      if (smoke === undefined) continue;
      const apis = steps(lake.query, smoke);
      await apis.logs();
      await apis.traces();
      await apis.metrics();
    }
  };
  /** Waits until the query node has each record, and has it once. */
  const exact = () => {
    const parts = Object.entries(counted).map(
      ([table, id]) =>
        `SELECT '${table}' AS t, service_name AS s, count(*)::INTEGER AS n, count(DISTINCT ${id})::INTEGER AS d
         FROM lake.${table} GROUP BY service_name`,
    );
    const others = Object.keys(smokes[0]?.rows ?? {}).filter((table) => !(table in counted));
    for (const table of others) {
      parts.push(
        `SELECT '${table}', service_name, count(*)::INTEGER, 1 FROM lake.${table} GROUP BY service_name`,
      );
    }
    const expected = Object.keys(counted).map((table) => [table, 'bulk', bulks * bulk, bulks * bulk]);
    if (oldRows > 0) expected.push(['logs', 'old', oldRows, oldRows]);
    for (const { service, rows } of smokes) {
      for (const [table, n] of Object.entries(rows)) expected.push([table, service, n, 1]);
    }
    return eventually(async () => {
      const found = await sql(lake.query, parts.join(' UNION ALL '));
      const rows = found.map((row) => [row['t'], row['s'], row['n'], row['d']]);
      assert.deepEqual(rows.map(String).sort(), expected.map(String).sort());
      return true;
    });
  };
  const maintain = async (task: string) => {
    const response = await fetch(`${lake.ingest.url}/api/admin/maintenance/${task}`, { method: 'POST' });
    const body: unknown = await response.json();
    assert.equal(response.status, 200, JSON.stringify(body));
    return body as { ran: boolean; status: string; tables: { table: string; rows: number }[] };
  };
  const checkpoint = async () => {
    const { ran, status } = await maintain('checkpoint');
    assert.deepEqual({ ran, status }, { ran: true, status: 'ok' });
  };
  const clean = async (server: TestServer | null) => {
    const { code, stdout, stderr } = await lake.cli(
      ['catalog', 'verify', '--json', '--min-age', '0'],
      server,
    );
    assert.equal(code, 0, stdout + stderr);
    const report = JSON.parse(stdout) as { damaged: unknown[]; orphans: unknown[]; knownFiles: number };
    assert.deepEqual([report.damaged, report.orphans], [[], []]);
    assert.ok(report.knownFiles >= Object.keys(counted).length, `${report.knownFiles} files`);
  };

  before(async () => {
    lake = await TestLake.make({
      kind,
      backends,
      env: {
        CANARDSTACK_SEAL_INTERVAL_MS: '200',
        CANARDSTACK_DATA_INLINING_ROW_LIMIT: '100',
        CANARDSTACK_ACCEPT_LATE_SECS: String(30 * 86_400),
        CANARDSTACK_RETENTION_DAYS: '14',
        CANARDSTACK_SNAPSHOT_RETENTION_SECS: '1',
        CANARDSTACK_DUCKLAKE_QUACK_TIMEOUT_MS: '15000',
        CANARDSTACK_LOG_LEVEL: 'warn',
      },
    });
    await lake.start();
  });
  after(() => lake.remove());

  point('ingest', 'takes all signals in, each record once', async () => {
    await ingest();
    await exact();
  });

  point('query', 'answers on the Prometheus, Loki and Tempo APIs', ask);

  point('checkpoint', 'runs CHECKPOINT, counts it, and changes no row', async () => {
    await checkpoint();
    const metrics = await (await fetch(`${lake.ingest.url}/metrics`)).text();
    assert.match(metrics, /^ducklake_checkpoint_runs_total\{status="ok"\} 1$/m);
    await exact();
    await ask();
  });

  point('retention', 'deletes what is past retention, after a dry run that deletes nothing', async () => {
    const timeNs = BigInt(Date.now()) * 1_000_000n - 20n * dayNs;
    const records = Array.from({ length: bulk }, (_, i) => ({ timeNs, body: `old ${i}` }));
    await post('/v1/logs', logsRequest({ 'service.name': 'old' }, records));
    oldRows = bulk;
    await exact();
    const rows = ({ tables }: { tables: { table: string; rows: number }[] }) =>
      tables.filter((each) => each.rows > 0).map(({ table, rows: n }) => [table, n]);
    const dry = await maintain('retention/dry-run');
    assert.deepEqual([dry.ran, dry.status, rows(dry)], [true, 'ok', [['logs', bulk]]]);
    await exact();
    const run = await maintain('retention/run');
    assert.deepEqual([run.ran, run.status, rows(run)], [true, 'ok', [['logs', bulk]]]);
    oldRows = 0;
    await exact();
  });

  point('verify', 'has neither a missing nor an unknown file', () => clean(lake.ingest));

  point('restart', 'stops every process cleanly, starts again and goes on, each record once', async () => {
    await ingest();
    const codes = await lake.stop();
    assert.deepEqual(
      codes,
      codes.map(() => 0),
    );
    assert.equal(codes.length, { local: 1, quack: 3, postgres: 2 }[catalogOf(kind)]);
    await lake.start();
    await exact();
    await ingest();
    await exact();
    await ask();
  });

  point('offline', 'agrees with its files as the command line sees it, no node running', async () => {
    await lake.stopNodes();
    await clean(null);
    if (lake.catalog === null) return;
    // A map of column names that came later than the others would crash readers (src/lake/name-maps.ts).
    await lake.stopCatalog();
    const { maps, tables } = await nameMaps(join(lake.catalog.folder, 'catalog/canardstack.ducklake'));
    assert.equal(maps, tables);
  });
}

async function nameMaps(file: string) {
  const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(
      `SELECT (SELECT count(*)::INTEGER FROM ducklake_column_mapping), count(*)::INTEGER FROM ducklake_table`,
    );
    const [[maps, tables] = []] = reader.getRows();
    return { maps, tables };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const backends = new Backends();
const runs = new Map<LakeKind, RunOfKind>(lakeKinds.map((kind) => [kind, { kind, points: {} }]));

// Two at once: much of each is waiting.
describe('the acceptance suite', { concurrency: 2 }, () => {
  for (const [kind, result] of runs) {
    const skip = skipKind(kind);
    describe(`on ${kind}`, { skip, concurrency: 1 }, () => acceptance(kind, backends, result));
  }

  after(async () => {
    try {
      const page = process.env['MATRIX_PAGE'];
      if (page === undefined) return;
      const all = [...runs.values()];
      const whole = all.every((run) => points.every(({ id }) => run.points[id]?.status === 'ok'));
      assert.ok(whole, 'the page is made from a run that passed as a whole');
      await writeFile(page, await matrixPage(all, backends));
    } finally {
      await backends.stop();
    }
  });
});
