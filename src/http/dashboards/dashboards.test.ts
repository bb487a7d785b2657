import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { openTestLake } from '../../../test/support/open-lake.js';
import { temporaryFolder } from '../../../test/support/server.js';
import type { Lake } from '../../lake/index.js';
import { createTelemetry } from '../../telemetry/index.js';
import { closeHttpApp, createHttpApp } from '../index.js';
import { dashboardsRead, dashboardsWrite } from './index.js';

const panel = { title: 'p', kind: 'lines', queries: [{ language: 'promql', text: 'up' }] };

/** As Grafana exports them, with what old and new ones have. */
const grafana = {
  __inputs: [{ name: 'DS_PROM', type: 'datasource', pluginId: 'prometheus' }],
  schemaVersion: 39,
  title: 'Checkout',
  time: { from: 'now-6h', to: 'now' },
  refresh: '30s',
  templating: {
    list: [
      { type: 'datasource', name: 'logs', query: 'loki' },
      {
        type: 'query',
        name: 'job',
        datasource: '${DS_PROM}',
        query: { query: 'label_values(up{env="$env"}, job)', refId: 'A' },
        multi: true,
        includeAll: true,
        current: { value: ['$__all'] },
      },
      {
        type: 'query',
        name: 'app',
        datasource: { type: 'loki', uid: 'x' },
        query: { label: 'app', stream: '{env="a"}', type: 1 },
      },
      { type: 'query', name: 'top', datasource: '${DS_PROM}', query: 'query_result(topk(5, up))' },
      { type: 'custom', name: 'env', query: 'prod, Test : test', current: { value: 'prod' } },
      {
        type: 'interval',
        name: 'every',
        query: '1m,5m,1h',
        auto: true,
        current: { value: '$__auto_interval_every' },
      },
      { type: 'adhoc', name: 'filters' },
    ],
  },
  panels: [
    {
      type: 'row',
      title: 'More',
      gridPos: { x: 0, y: 20, w: 24, h: 1 },
      panels: [
        { type: 'logs', title: 'Lines', datasource: { uid: '${logs}' }, targets: [{ expr: '{app="$app"}' }] },
      ],
    },
    {
      type: 'timeseries',
      title: 'Rate',
      datasource: { type: 'prometheus', uid: 'abc' },
      gridPos: { x: 0, y: 0, w: 12, h: 8 },
      fieldConfig: { defaults: { unit: 'reqps', custom: { stacking: { mode: 'normal' } } }, overrides: [{}] },
      targets: [
        { expr: 'rate(x[$__rate_interval])', legendFormat: '{{job}}' },
        { expr: 'hidden', hide: true },
      ],
    },
    {
      type: 'stat',
      title: 'Mixed',
      targets: [{ datasource: { type: 'mysql', uid: 'm' }, rawSql: 'SELECT 1' }],
    },
    {
      type: 'table',
      title: 'Traces',
      datasource: { type: 'tempo' },
      targets: [
        {
          queryType: 'traceqlSearch',
          filters: [
            { scope: 'resource', tag: 'service.name', operator: '=', value: ['a', 'b'], valueType: 'string' },
            { scope: 'intrinsic', tag: 'duration', operator: '>', value: '1s', valueType: 'duration' },
          ],
        },
      ],
    },
    { type: 'text', title: 'Read me', options: { content: '<script>' } },
  ],
};

describe('dashboards', () => {
  let folder: string;
  let lake: Lake;
  let app: FastifyInstance;
  before(async () => {
    folder = await temporaryFolder();
    lake = await openTestLake(folder);
    const deps = { dashboards: lake.dashboards, telemetry: createTelemetry('silent') };
    app = await createHttpApp({
      config: { bind: '127.0.0.1:0', apiKey: 'reader', adminApiKey: 'admin' },
      telemetry: deps.telemetry,
      ready: () => Promise.resolve({ ready: true, reasons: [] }),
      query: [dashboardsRead(deps)],
      admin: [dashboardsWrite(deps)],
    });
  });
  after(async () => {
    await closeHttpApp(app, 1000);
    await lake.close();
    await rm(folder, { recursive: true });
  });

  const ask = async (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    payload?: object,
    key = 'admin',
  ) => {
    const headers = { 'x-api-key': key };
    const { statusCode, body } = await app.inject({ method, url, headers, ...(payload ? { payload } : {}) });
    return { status: statusCode, body: (body === '' ? null : JSON.parse(body)) as Record<string, never> };
  };
  const message = ({ body }: { body: Record<string, unknown> }) =>
    (body['error'] as { message: string } | undefined)?.message ?? '';

  it('are kept, changed by who read the last change, and deleted', async () => {
    const hostile = `'); DROP TABLE logs; -- "🦆" \u0000 <script>`;
    const made = await ask('POST', '/api/dashboards', {
      dashboard: { title: "it's", description: hostile, panels: [panel] },
    });
    assert.equal(made.status, 201);
    const { id, revision } = made.body as unknown as { id: string; revision: number };
    assert.equal(revision, 1);
    const url = `/api/dashboards/${id}`;
    const read = (await ask('GET', url, undefined, 'reader')).body as unknown as {
      dashboard: { description: string; panels: object[] };
    };
    assert.equal(read.dashboard.description, hostile);
    assert.deepEqual(read.dashboard.panels, [{ ...panel, width: 6, height: 7, unit: 'none' }]);
    const change = { dashboard: { title: 'two' }, revision };
    assert.equal((await ask('PUT', url, change)).body['revision'], 2);
    const late = await ask('PUT', url, change);
    assert.equal(late.status, 409);
    assert.match(message(late), /changed meanwhile/);
    assert.equal((await ask('PUT', url, { dashboard: { title: 'new' } })).status, 409);
    assert.deepEqual(
      (await lake.dashboards.list()).map(({ title }) => title),
      ['two'],
    );
    assert.equal((await ask('DELETE', `${url}?revision=1`)).status, 409);
    assert.equal((await ask('DELETE', url)).status, 204);
    assert.equal((await ask('GET', url, undefined, 'reader')).status, 404);
    assert.equal((await ask('DELETE', url)).status, 404);
  });

  it('go to Grafana, whose file becomes the same again', async () => {
    const query = (language: string, text: string, legend?: string) => ({
      language,
      text,
      ...(legend ? { legend } : {}),
    });
    const given = {
      title: 'Round "trip"',
      range: { from: 'now-6h', to: 'now' },
      refresh: '30s',
      variables: [
        {
          type: 'query',
          name: 'job',
          language: 'promql',
          of: 'job',
          match: 'up{a="b"}',
          regex: '(x.*)',
          multi: true,
          all: true,
          value: ['a'],
        },
        {
          type: 'query',
          name: 'app',
          language: 'logql',
          of: 'app',
          match: '{env="a"}',
          multi: false,
          all: false,
          value: [],
        },
        {
          type: 'query',
          name: 'svc',
          language: 'traceql',
          of: 'resource.service.name',
          multi: false,
          all: true,
          value: [],
        },
        { type: 'custom', name: 'env', options: ['a,b', 'c'], multi: false, all: false, value: ['c'] },
        { type: 'interval', name: 'every', options: ['auto', '5m'], value: ['auto'] },
        { type: 'text', name: 'words', value: ['x y'] },
      ],
      panels: [
        {
          title: 'a',
          kind: 'stacked',
          width: 8,
          height: 7,
          unit: 'bytesPerSecond',
          queries: [query('promql', 'rate(x[$__rate_interval])', '{{job}}')],
        },
        {
          title: 'b',
          kind: 'lines',
          width: 4,
          height: 40,
          unit: 'ratio',
          queries: [query('promql', 'y'), query('logql', 'rate({a="b"}[1m])')],
        },
        { title: 'More', kind: 'row', width: 12, height: 2, unit: 'none', queries: [] },
        {
          title: 'c',
          kind: 'logs',
          width: 12,
          height: 11,
          unit: 'none',
          queries: [query('logql', '{app="$app"} |= "x"')],
        },
        {
          title: 'd',
          kind: 'table',
          width: 6,
          height: 3,
          unit: 'none',
          queries: [query('traceql', '{ status = error }')],
        },
        {
          title: 'e',
          kind: 'heatmap',
          width: 6,
          height: 5,
          unit: 'seconds',
          queries: [query('promql', 'sum by (le) (b)')],
        },
      ],
    };
    const sql = { title: 'f', kind: 'stat', queries: [query('sql', 'SELECT 1\n--```</script>')] };
    const dashboard = { ...given, panels: [...given.panels, sql] };
    assert.equal((await ask('PUT', '/api/dashboards/trip', { dashboard })).status, 200);
    const exported = await ask('GET', '/api/dashboards/trip/grafana', undefined, 'reader');
    assert.equal(exported.status, 200);
    const { __inputs: inputs, panels } = exported.body as unknown as {
      __inputs: { pluginId: string }[];
      panels: { type: string; gridPos: object; options: { content?: string } }[];
    };
    assert.deepEqual(
      inputs.map(({ pluginId }) => pluginId),
      ['prometheus', 'loki', 'tempo'],
    );
    assert.deepEqual(panels[1]?.gridPos, { x: 16, y: 0, w: 8, h: 47 });
    assert.deepEqual(panels[2]?.gridPos, { x: 0, y: 47, w: 24, h: 1 });
    assert.match(panels[6]?.options.content ?? '', /^ {4}SELECT 1\n {4}--```<\/script>$/m);
    const back = await ask('POST', '/api/dashboards/convert', exported.body, 'reader');
    assert.deepEqual(back.body, {
      dashboard: given,
      notes: [{ of: 'f', kept: false, reason: 'a panel of the type text' }],
    });
    assert.equal((await ask('GET', '/api/dashboards/none/grafana', undefined, 'reader')).status, 404);
  });

  it('outlive the process, and a checkpoint', async () => {
    await ask('PUT', '/api/dashboards/kept-1', { dashboard: { title: 'kept' } });
    await lake.maintenance.checkpoint();
    await lake.close();
    lake = await openTestLake(folder);
    const found = await lake.dashboards.get('kept-1');
    assert.deepEqual([found?.title, found?.revision], ['kept', 1]);
  });

  it('are changed with the admin key alone', async () => {
    assert.equal(
      (await ask('PUT', '/api/dashboards/a', { dashboard: { title: 'a' } }, 'reader')).status,
      401,
    );
    assert.equal((await ask('DELETE', '/api/dashboards/kept-1', undefined, 'reader')).status, 401);
    assert.equal((await ask('GET', '/api/dashboards', undefined, 'wrong')).status, 401);
  });

  it('are refused by the name of the field', async () => {
    const refused = async (dashboard: object) => {
      const answer = await ask('POST', '/api/dashboards', { dashboard });
      assert.equal(answer.status, 400, JSON.stringify(answer.body));
      return message(answer);
    };
    assert.match(await refused({}), /dashboard's title/);
    assert.match(await refused({ title: 'a', panels: [{ ...panel, kind: 'pie' }] }), /panels\.0\.kind/);
    assert.match(await refused({ title: 'a', colour: 'red' }), /colour/);
    const twice = { type: 'text', name: 'a' };
    assert.match(
      await refused({ title: 'a', variables: [twice, twice] }),
      /variables\.1\.name: it is there twice/,
    );
    const text = 'x'.repeat(19_000);
    const queries = Array.from({ length: 20 }, () => ({ language: 'promql', text }));
    assert.match(
      await refused({ title: 'a', panels: [{ ...panel, queries }] }),
      /bytes as JSON, at most 262144/,
    );
    assert.equal((await ask('GET', '/api/dashboards/..%2Fx', undefined, 'reader')).status, 400);
    assert.equal((await ask('POST', '/api/dashboards', { dashboards: [] })).status, 400);
  });

  it('come from those of Grafana, with what did not come along', async () => {
    const { body, status } = await ask(
      'POST',
      '/api/dashboards/convert',
      { dashboard: grafana, meta: {} },
      'reader',
    );
    assert.equal(status, 200, JSON.stringify(body));
    const { dashboard, notes } = body as unknown as {
      dashboard: { variables: { name: string; of?: string; match?: string; options?: string[] }[] } & Record<
        string,
        unknown
      >;
      notes: { of: string; kept: boolean; reason: string }[];
    };
    assert.equal(dashboard['title'], 'Checkout');
    assert.deepEqual(dashboard['range'], { from: 'now-6h', to: 'now' });
    const [rate, traces, row, lines] = dashboard['panels'] as {
      title: string;
      kind: string;
      queries: object[];
    }[];
    assert.deepEqual(rate, {
      title: 'Rate',
      kind: 'stacked',
      width: 6,
      height: 7,
      unit: 'perSecond',
      queries: [{ language: 'promql', text: 'rate(x[$__rate_interval])', legend: '{{job}}' }],
    });
    assert.deepEqual(traces?.queries, [
      {
        language: 'traceql',
        text: '{ (resource.service.name = "a" || resource.service.name = "b") && duration > 1s }',
      },
    ]);
    assert.equal(row?.kind, 'row');
    assert.deepEqual(lines?.queries, [{ language: 'logql', text: '{app="$app"}' }]);
    assert.deepEqual(
      dashboard.variables.map(({ name, of, match, options }) => [name, of ?? options, match]),
      [
        ['job', 'job', 'up{env="$env"}'],
        ['app', 'app', '{env="a"}'],
        ['env', ['prod', 'test'], undefined],
        ['every', ['auto', '1m', '5m', '1h'], undefined],
      ],
    );
    assert.deepEqual(
      notes.filter(({ kept }) => !kept).map(({ of, reason }) => `${of}: ${reason}`),
      [
        'Mixed: a query of the data source mysql',
        'Mixed: none of its queries came along',
        'Read me: a panel of the type text',
        '$top: the query query_result(topk(5, up)): only label_values() and metrics() are kept',
        '$filters: a variable of the type adhoc',
      ],
    );
    assert.deepEqual(
      notes.filter(({ kept }) => kept).map(({ of, reason }) => `${of}: ${reason}`),
      ['Rate: without its overrides of single fields'],
    );
    const again = await ask('POST', '/api/dashboards/convert', dashboard, 'reader');
    assert.deepEqual(again.body, { dashboard, notes: [] });
  });

  it('take no fault from what only looks like one of Grafana', async () => {
    for (const [given, status] of [
      [{ schemaVersion: 1, panels: 'none', templating: [], rows: {} }, 200],
      [
        {
          templating: { list: [null, 7, { name: 'constructor', type: 'custom', query: '' }] },
          panels: [{ type: '__proto__' }],
        },
        200,
      ],
      [
        { rows: [{ panels: [{ type: 'graph', span: 6, targets: [{ expr: 'up' }], datasource: null }] }] },
        200,
      ],
      [{ elements: {}, title: 'v2' }, 400],
      [{ apiVersion: 'dashboard.grafana.app/v2beta1', spec: { elements: {} } }, 400],
    ] as const) {
      const answer = await ask('POST', '/api/dashboards/convert', given, 'reader');
      assert.equal(answer.status, status, JSON.stringify(answer.body));
    }
  });
});
