import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { resolveConfig } from '../config/index.js';
import type { CheckpointResult, MaintenanceState, RetentionResult } from '../lake/types.js';
import type { Signal } from '../schema/index.js';
import { createTelemetry } from '../telemetry/index.js';
import { testLake, type TestLake } from '../../test/support/lake.js';
import { Health } from './admin-health.js';
import type { AdminDeps } from './admin-deps.js';
import { adminApi } from './admin.js';
import { createHttpApp } from './index.js';

const env = { CANARDSTACK_ADMIN_API_KEY: 'admin-key-1', CANARDSTACK_API_KEY: 'query-key-1' };
const resolved = resolveConfig({ env });

/** What the stages report, set by each test. */
function state() {
  return {
    ping: async () => undefined as void,
    maintenance: {
      paused: false,
      running: null,
      lastCheckpoint: null,
      lastRetention: null,
      consecutiveFailures: 0,
    } as MaintenanceState,
    checkpoint: { ran: true, status: 'ok', milliseconds: 5 } as CheckpointResult,
    projectedSeconds: 1,
    unavailable: null as string | null,
    spoolError: null as string | null,
    usedBytes: 0,
    sealed: true,
  };
}

let lake: TestLake;
let now = state();
let app: FastifyInstance;

function deps(): AdminDeps {
  const retention = async ({ dryRun }: { dryRun: boolean }): Promise<RetentionResult> => ({
    ran: true,
    dryRun,
    cutoff: '2026-01-01',
    tables: [],
    days: [],
    share: 0,
    held: null,
    status: 'ok',
  });
  const reading = { wallMs: 0, lakeMs: 0, provenMs: 0, safeMs: 0, contradiction: null };
  return {
    ...resolved,
    telemetry: createTelemetry('silent'),
    guard: lake.guard,
    lake: {
      ping: () => now.ping(),
      time: { reading, look: async () => reading, accept: async () => reading },
      maintenance: {
        start: () => undefined,
        stop: async () => undefined,
        pause: () => (now.maintenance = { ...now.maintenance, paused: true }),
        resume: () => (now.maintenance = { ...now.maintenance, paused: false }),
        checkpoint: async () => now.checkpoint,
        retention,
        scrub: async () => ({ ran: true, status: 'ok', files: 0, bytes: 0, damaged: 0, complete: true }),
        forget: async (_files, dryRun) => ({ dryRun, files: [], refused: [] }),
        state: () => now.maintenance,
      },
    },
    pipeline: {
      intake: {
        get spoolError() {
          return now.spoolError;
        },
      },
      sealer: {
        get projectedSeconds() {
          return now.projectedSeconds;
        },
        get unavailable() {
          return now.unavailable;
        },
        sealAll: async () => now.sealed,
      },
    } as unknown as AdminDeps['pipeline'],
    spool: {
      stream: (signal: Signal) => ({ signal, usedBytes: now.usedBytes, capacityBytes: 1000 }),
    } as unknown as AdminDeps['spool'],
  };
}

before(async () => {
  lake = await testLake({ maxRows: 5000 });
  app = await createHttpApp({
    config: resolved.config,
    telemetry: createTelemetry('silent'),
    ready: async () => ({ ready: true, reasons: [] }),
    admin: [adminApi(deps())],
  });
});
after(async () => {
  await app.close();
  await lake.close();
});
afterEach(() => {
  now = state();
});

async function call(method: 'GET' | 'POST', url: string, payload?: object, key = 'admin-key-1') {
  const response = await app.inject({
    method,
    url: `/api/admin/${url}`,
    headers: { authorization: `Bearer ${key}` },
    ...(payload ? { payload } : {}),
  });
  return {
    status: response.statusCode,
    body: response.json<Record<string, unknown>>(),
    headers: response.headers,
  };
}

const sql = (text: string, more: object = {}) => call('POST', 'sql', { sql: text, ...more });

describe('POST /api/admin/sql', () => {
  it('gives names, types and JSON values', async () => {
    const { status, body } =
      await sql(`SELECT 1 AS one, 9007199254740993::BIGINT AS big, 'x' AS text, NULL AS nothing,
      TIMESTAMP '2026-01-02 03:04:05.678901' AS at, [1, 2] AS list, {'a': 1.5} AS struct, 'nan'::DOUBLE AS nan,
      1.10::DECIMAL(4, 2) AS money, MAP {'k': 7} AS map, true AS yes -- the end`);
    assert.equal(status, 200);
    assert.deepEqual(body['columns'], [
      { name: 'one', type: 'INTEGER' },
      { name: 'big', type: 'BIGINT' },
      { name: 'text', type: 'VARCHAR' },
      { name: 'nothing', type: 'INTEGER' },
      { name: 'at', type: 'TIMESTAMP' },
      { name: 'list', type: 'INTEGER[]' },
      { name: 'struct', type: 'STRUCT(a DECIMAL(2,1))' },
      { name: 'nan', type: 'DOUBLE' },
      { name: 'money', type: 'DECIMAL(4,2)' },
      { name: 'map', type: 'MAP(VARCHAR, INTEGER)' },
      { name: 'yes', type: 'BOOLEAN' },
    ]);
    assert.deepEqual(body['rows'], [
      [
        1,
        '9007199254740993',
        'x',
        null,
        '2026-01-02 03:04:05.678901',
        [1, 2],
        { a: '1.5' },
        'NaN',
        '1.10',
        [['k', 7]],
        true,
      ],
    ]);
    assert.equal(body['truncated'], false);
  });

  it('keeps the order of an ORDER BY and stops at maxRows', async () => {
    const { body } = await sql('SELECT i FROM range(100) t(i) ORDER BY i DESC;', { maxRows: 3 });
    assert.deepEqual(body['rows'], [[99], [98], [97]]);
    assert.equal(body['truncated'], true);
    const exact = await sql('SELECT i FROM range(3) t(i)', { maxRows: 3 });
    assert.equal(exact.body['truncated'], false);
    const bounded = await sql('FROM range(6000)');
    assert.equal((bounded.body['rows'] as unknown[]).length, 5000);
    assert.equal(bounded.body['truncated'], true);
  });

  for (const text of [
    'FROM lake.logs',
    'WITH x AS (SELECT 1 AS a) FROM x',
    'VALUES (1, 2)',
    'DESCRIBE lake.spans',
    'SHOW ALL TABLES',
    'SUMMARIZE lake.logs',
    'EXPLAIN SELECT 1',
  ]) {
    it(`runs ${text}`, async () => {
      const { status, body } = await sql(text);
      assert.equal(status, 200, JSON.stringify(body));
      const columns = body['columns'] as unknown[];
      assert.ok(columns.length > 0);
      for (const row of body['rows'] as unknown[][]) assert.equal(row.length, columns.length);
    });
  }

  it('tells the client what is wrong with its SQL', async () => {
    const syntax = await sql('SELECT nothing FROM lake.logs');
    assert.equal(syntax.status, 400);
    assert.match(JSON.stringify(syntax.body), /"code":"bad_data".*Binder Error/);
    for (const text of [
      'DROP TABLE lake.logs',
      "SELECT * FROM read_text('/etc/hostname')",
      'SELECT 1; SELECT 2',
    ]) {
      assert.equal((await sql(text)).status, 400, text);
    }
  });

  it('names the bad field and its limit', async () => {
    const message = async (payload: object) => {
      const { status, body } = await call('POST', 'sql', payload);
      assert.equal(status, 400);
      return (body['error'] as { message: string }).message;
    };
    assert.match(await message({}), /^sql: /);
    assert.match(await message({ sql: 'SELECT 1', maxRows: 0 }), /^maxRows: /);
    assert.match(await message({ sql: 'SELECT 1', maxRows: 5001 }), /5001 is above the limit of 5000/);
  });

  it('refuses other methods than those of a path', async () => {
    for (const [method, url, allow] of [
      ['GET', '/api/admin/sql', 'POST'],
      ['PUT', '/api/admin/maintenance/checkpoint', 'POST'],
      ['DELETE', '/api/admin/config', 'GET'],
      ['POST', '/ready', 'GET'],
    ] as const) {
      const headers = { 'x-api-key': 'admin-key-1' };
      const answer = await app.inject({ method, url, headers });
      assert.deepEqual([answer.statusCode, answer.headers.allow], [405, allow], url);
      assert.deepEqual(answer.json(), {
        error: { code: 'method_not_allowed', message: `${url} takes ${allow}, not ${method}` },
      });
    }
    assert.equal((await app.inject({ method: 'PUT', url: '/api/admin/sql' })).statusCode, 401);
  });

  it('needs the admin key', async () => {
    assert.equal((await call('POST', 'sql', { sql: 'SELECT 1' }, 'query-key-1')).status, 401);
  });
});

describe('health', () => {
  const health = (subject: string) => call('GET', `health/${subject}`);
  const failing = (body: Record<string, unknown>) =>
    (body['checks'] as { name: string; ok: boolean }[]).filter(({ ok }) => !ok).map(({ name }) => name);

  it('is ok when all is well', async () => {
    for (const subject of ['storage', 'ingest', 'maintenance', 'queries']) {
      const { status, body } = await health(subject);
      assert.equal(status, 200);
      assert.equal(body['status'], 'ok', JSON.stringify(body));
    }
  });

  it('pages when the lake or the spool disk fails', async () => {
    now.ping = () => Promise.reject(new Error('the catalog does not answer'));
    now.spoolError = 'ENOSPC';
    const { status, body } = await health('storage');
    assert.equal(status, 503);
    assert.equal(body['status'], 'page');
    assert.deepEqual(failing(body), ['lake', 'spool_disk']);
    assert.match(JSON.stringify(body), /the catalog does not answer/);
  });

  it('degrades, then pages with the use of the spool', async () => {
    now.usedBytes = 800;
    const degraded = await health('ingest');
    assert.deepEqual([degraded.status, degraded.body['status']], [200, 'degraded']);
    now.usedBytes = 901;
    const page = await health('ingest');
    assert.deepEqual([page.status, page.body['status']], [503, 'page']);
  });

  it('pages only after freshness or sealing has been bad for more than a minute', () => {
    let time = 1_000_000;
    const judge = new Health(deps(), () => time);
    try {
      now.projectedSeconds = 20;
      assert.equal(judge.ingest().status, 'degraded');
      time += 60_000;
      assert.equal(judge.ingest().status, 'degraded');
      time += 1;
      assert.equal(judge.ingest().status, 'page');
      now.projectedSeconds = 1;
      assert.equal(judge.ingest().status, 'ok');
      now.unavailable = 'catalog away';
      assert.equal(judge.ingest().status, 'degraded');
      time += 60_001;
      assert.equal(judge.ingest().status, 'page');
    } finally {
      judge.close();
    }
  });

  it('pages after three failures, or three intervals without a good CHECKPOINT unless paused', () => {
    let time = Date.parse('2026-01-01T00:00:00Z');
    const judge = new Health(deps(), () => time);
    try {
      const set = (change: Partial<MaintenanceState>) =>
        (now.maintenance = { ...now.maintenance, ...change });
      set({ consecutiveFailures: 1 });
      assert.equal(judge.maintenance().status, 'degraded');
      set({ consecutiveFailures: 3 });
      assert.equal(judge.maintenance().status, 'page');
      set({ consecutiveFailures: 0 });
      time += 901_000;
      assert.equal(judge.maintenance().status, 'page');
      set({ paused: true });
      assert.equal(judge.maintenance().status, 'degraded');
      set({ paused: false, lastCheckpoint: { at: '2026-01-01T00:14:00Z', status: 'ok', milliseconds: 1 } });
      assert.equal(judge.maintenance().status, 'ok');
    } finally {
      judge.close();
    }
  });
});

describe('maintenance', () => {
  it('answers CHECKPOINT by its outcome', async () => {
    const checkpoint = () => call('POST', 'maintenance/checkpoint');
    assert.deepEqual(await checkpoint().then(({ status, body }) => [status, body['ran'], body['status']]), [
      200,
      true,
      'ok',
    ]);
    now.checkpoint = { ran: true, status: 'error', error: 'no credentials' };
    assert.equal((await checkpoint()).status, 503);
    now.checkpoint = { ran: false, status: 'busy' };
    const busy = await checkpoint();
    assert.deepEqual([busy.status, busy.body], [409, { ran: false, status: 'busy' }]);
  });

  it('pauses, resumes, seals and runs retention', async () => {
    assert.deepEqual((await call('POST', 'maintenance/pause')).body, { paused: true });
    assert.equal((await call('GET', 'maintenance')).body['paused'], true);
    assert.deepEqual((await call('POST', 'maintenance/resume')).body, { paused: false });
    assert.equal((await call('POST', 'maintenance/seal')).body['status'], 'ok');
    now.sealed = false;
    now.unavailable = 'away';
    assert.equal((await call('POST', 'maintenance/seal')).status, 503);
    assert.equal((await call('POST', 'maintenance/retention/dry-run')).body['dryRun'], true);
    assert.equal((await call('POST', 'maintenance/retention/run')).body['dryRun'], false);
  });

  it('takes an empty body with a JSON content type', async () => {
    const response = await app.inject({
      method: 'POST',
      url: '/api/admin/maintenance/checkpoint',
      headers: { authorization: 'Bearer admin-key-1', 'content-type': 'application/json' },
    });
    assert.equal(response.statusCode, 200);
  });
});

describe('GET /api/admin/config', () => {
  it('masks secrets', async () => {
    const { status, body } = await call('GET', 'config');
    assert.equal(status, 200);
    assert.doesNotMatch(JSON.stringify(body), /admin-key-1|query-key-1/);
    assert.match(JSON.stringify(body), /"name":"apiKey".*?"value":"\*\*\*"/);
  });
});
