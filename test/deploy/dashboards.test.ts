import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { startCatalog, testCatalog, type CatalogProcess } from '../support/catalog-server.js';
import { logsRequest, metricsRequest, spansRequest } from '../support/otlp.js';
import { skipWithoutS3, startS3, type TestS3 } from '../support/s3.js';
import { eventually, freePort, startServer, temporaryFolder, type TestServer } from '../support/server.js';
import { dashboards, panelQueries, variableQueries, type DashboardQuery } from './dashboard-queries.js';
import { text } from './files.js';
import { grafanaRequests, member } from './grafana-requests.js';

const traceId = randomBytes(16).toString('hex');
const variables = { instance: '.*', service: '.+', metric: 'shop_orders_total', search: 'order' };

/** Panels that are empty while nothing goes wrong, or without a catalog server that is scraped. */
const mayBeEmpty =
  /: (Refusals|Damage and poison|Records rejected in decoding|Conflicts and retries|Catalog requests|Catalog request time|Connections and lease|Catalog file|Object store.*)$/;

async function send(server: TestServer): Promise<void> {
  const resource = { 'service.name': 'shop', 'service.instance.id': 'shop-1' };
  const now = BigInt(Date.now()) * 1_000_000n;
  const seconds = (n: number) => BigInt(n) * 1_000_000_000n;
  const bodies: Record<string, Uint8Array> = {
    logs: logsRequest(resource, [
      { timeNs: now, body: 'order taken' },
      { timeNs: now, body: 'order lost', severity: 17, severityText: 'ERROR' },
    ]),
    traces: spansRequest(
      resource,
      [1, 2].map((status) => ({
        traceId: Buffer.from(traceId, 'hex'),
        spanId: randomBytes(8),
        name: 'POST /orders',
        kind: 2,
        status,
        startNs: now - seconds(1),
        endNs: now,
      })),
    ),
    metrics: metricsRequest(
      resource,
      [
        {
          name: 'shop.orders',
          kind: 'counter',
          points: [30, 15, 0].map((ago, n) => ({ timeNs: now - seconds(ago), value: 10 * (n + 1) })),
        },
      ],
      now - seconds(60),
    ),
  };
  for (const [signal, body] of Object.entries(bodies)) {
    const response = await fetch(`${server.url}/v1/${signal}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body,
    });
    assert.equal(response.status, 200, signal);
  }
}

async function get(
  server: TestServer,
  path: string,
  parameters: Record<string, string>,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.url}${path}?${new URLSearchParams(parameters).toString()}`);
  const body = await response.text();
  assert.equal(response.status, 200, `${path} ${JSON.stringify(parameters)}: ${body.slice(0, 300)}`);
  return JSON.parse(body) as Record<string, unknown>;
}

/** Asks as Grafana does; gives the number of series, streams or traces. */
async function ask(server: TestServer, { language, query, instant }: DashboardQuery): Promise<number> {
  const end = Math.ceil(Date.now() / 1000);
  const range = { start: String(end - 300), end: String(end) };
  if (language === 'traceql') {
    if (!/\| \w+\(|\| \w+_over_time/.test(query)) {
      return ((await get(server, '/api/search', { q: query, ...range }))['traces'] as unknown[]).length;
    }
    const body = await get(server, '/api/metrics/query_range', { q: query, step: '30s', ...range });
    return (body['series'] as unknown[]).length;
  }
  const body =
    language === 'logql'
      ? await get(server, '/loki/api/v1/query_range', { query, step: '30', ...range })
      : instant
        ? await get(server, '/api/v1/query', { query, time: range.end })
        : await get(server, '/api/v1/query_range', { query, step: '5', ...range });
  assert.equal(body['status'], 'success', query);
  return (body['data'] as { result: unknown[] }).result.length;
}

describe('the dashboards', () => {
  let folder: string;
  let s3: TestS3 | undefined;
  let server: TestServer;
  let catalog: CatalogProcess;
  let catalogHealth: string;
  const boards = dashboards();

  before(async () => {
    folder = await temporaryFolder();
    if (skipWithoutS3() === false) s3 = await startS3();
    // Its own metrics go to itself, so its port is chosen here.
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const started = await startServer({
      dataDir: join(folder, 'node'),
      waitReady: false,
      env: {
        ...(s3 && { ...s3.env(), CANARDSTACK_DUCKLAKE_DATA_PATH: `s3://${s3.bucket}/lake` }),
        CANARDSTACK_BIND: `127.0.0.1:${port}`,
        CANARDSTACK_OTLP_EXPORT_ENDPOINT: url,
        CANARDSTACK_OTLP_EXPORT_INTERVAL_SECS: '1',
        CANARDSTACK_DUCKLAKE_MAINTENANCE_ENABLED: 'true',
        CANARDSTACK_CHECKPOINT_INTERVAL_SECS: '2',
        CANARDSTACK_SEAL_INTERVAL_MS: '300',
      },
    });
    server = { ...started, url };
    await eventually(async () => ((await fetch(`${url}/readyz`)).ok ? true : undefined));
    const shared = await testCatalog(join(folder, 'shared'));
    catalogHealth = shared.healthUrl;
    catalog = await startCatalog(shared);
    await send(server);
  });
  after(async () => {
    await (server as TestServer | undefined)?.stop();
    await (catalog as CatalogProcess | undefined)?.stop();
    await s3?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('have queries, identities and the data sources that are provisioned', () => {
    assert.equal(new Set(boards.map(({ uid }) => uid)).size, boards.length);
    const { datasources } = parse(text('deploy/grafana/provisioning/datasources/canardstack.yaml')) as {
      datasources: { uid: string; type: string }[];
    };
    for (const board of boards) {
      const sources = new Map(
        board.templating.list
          .filter(({ type }) => type === 'datasource')
          .map(({ name, query, current }) => [name, { type: query, uid: current?.value }]),
      );
      for (const { type, uid } of sources.values()) {
        assert.ok(
          datasources.some((source) => source.uid === uid && source.type === type),
          `${board.file}: ${uid}`,
        );
      }
      for (const { targets = [], title } of board.panels) {
        for (const { datasource } of targets) {
          const variable = /^\$\{(\w+)\}$/.exec(datasource.uid)?.[1] ?? '';
          assert.equal(sources.get(variable)?.type, datasource.type, `${board.file}: ${title}`);
        }
      }
    }
    assert.ok(boards.flatMap((board) => panelQueries(board, variables)).length > 50);
  });

  it('name only metrics that a server has', async () => {
    const scrapes = await Promise.all(
      [server.url, catalogHealth].map(async (url) => (await fetch(`${url}/metrics`)).text()),
    );
    const known = new Set([...scrapes.join('\n').matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name));
    const named = boards
      .flatMap((board) => panelQueries(board, variables))
      .filter(({ language }) => language === 'promql')
      .flatMap(({ query }) =>
        [...query.matchAll(/\b(?:canardstack|process|nodejs)_\w+/g)].map(([name]) => name),
      )
      .map((name) => name.replace(/_(bucket|sum|count)$/, ''));
    assert.ok(new Set(named).size > 30);
    const unknown = [...new Set(named)].filter(
      (name) => !known.has(name) && !(s3 === undefined && name.startsWith('canardstack_storage_')),
    );
    assert.deepEqual(unknown, []);
  });

  it('have data sources that point at each other, and what these ask is answered', async () => {
    const { datasources } = parse(text('deploy/grafana/provisioning/datasources/canardstack.yaml')) as {
      datasources: { uid: string; jsonData: Record<string, unknown> }[];
    };
    const uids = new Set(datasources.map(({ uid }) => uid));
    const pointed = JSON.stringify(datasources).matchAll(/"datasourceUid":"([^"]+)"/g);
    const targets = [...pointed].map(([, uid = '']) => uid);
    assert.ok(targets.length >= 5 && targets.every((uid) => uids.has(uid)), targets.join());
    const traces = datasources.find(({ uid }) => uid === 'canardstack-traces')?.jsonData;
    const { tags, queries } = traces?.['tracesToMetrics'] as {
      tags: { key: string; value: string }[];
      queries: { query: string }[];
    };
    assert.deepEqual(
      tags.map(({ key }) => key),
      ['service.name'],
    );
    const linked = queries.map(({ query }) =>
      query
        .replaceAll('$$', '$')
        .replace('$__tags', `${tags[0]?.value}="shop"`)
        .replace('$__rate_interval', '1m'),
    );
    // The service graph and its table, as Grafana's Tempo data source writes them.
    const parts = [
      'request_total',
      'request_failed_total',
      'request_server_seconds_sum',
      'request_server_seconds_bucket',
    ];
    const graph = parts.flatMap((name) => [
      `sum by (client, server) (rate(traces_service_graph_${name}{}[300s]))`,
      `group by (client, connection_type, server) (traces_service_graph_${name}{})`,
    ]);
    const table = [
      'topk(5, sum(rate(traces_spanmetrics_calls_total{span_kind="SPAN_KIND_SERVER"}[300s])) by (span_name))',
      'topk(5, sum(rate(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR",span_name=~"POST /orders"}[300s])) by (span_name))',
      'histogram_quantile(.9, sum(rate(traces_spanmetrics_latency_bucket{span_name=~"POST /orders"}[300s])) by (le))',
    ];
    for (const query of [...graph, ...table, ...linked]) {
      await eventually(async () => {
        const instant = !linked.includes(query);
        const n = await ask(server, { where: '', language: 'promql', query, instant });
        return n > 0 ? n : undefined;
      });
    }
    // From a trace to its logs.
    const logs =
      '{service_name="shop"} | label_format log_line_contains_trace_id=`{{ contains "0af7" __line__ }}` ' +
      '| log_line_contains_trace_id="false" OR trace_id="0af7"';
    await eventually(async () => {
      const n = await ask(server, { where: '', language: 'logql', query: logs, instant: false });
      return n > 0 ? n : undefined;
    });
    const keys = await get(server, '/api/v1/labels', {
      'match[]':
        '{__name__=~"traces_service_graph_request_server_seconds_sum|traces_service_graph_request_total|traces_service_graph_request_failed_total"}',
    });
    assert.deepEqual(keys['data'], ['__name__', 'client', 'connection_type', 'server']);
  });

  it("are not all that Grafana asks: its data sources' and drilldown apps' own requests are answered", async () => {
    const to = Math.ceil(Date.now() / 1000);
    const wrong: string[] = [];
    for (const { path, parameters, form, has } of grafanaRequests(to - 300, to, traceId)) {
      const query = new URLSearchParams(parameters);
      const response = await (form
        ? fetch(server.url + path, { method: 'POST', body: query })
        : fetch(`${server.url}${path}?${query.toString()}`));
      const body = await response.text();
      const found = has === '' || (response.ok && member(JSON.parse(body), has) !== undefined);
      if (!response.ok || !found)
        wrong.push(`${path} ${query.toString()}: ${response.status}, no ${has} in ${body.slice(0, 200)}`);
    }
    assert.deepEqual(wrong, []);
  });

  it('have variables with values', async () => {
    const end = String(Math.ceil(Date.now() / 1000));
    for (const { where, language, label, metric } of boards.flatMap(variableQueries)) {
      const wanted = (values: string[]) =>
        where.endsWith('$metric') ? values.includes(variables.metric) : values.length > 0;
      await eventually(async () => {
        const range = { start: String(Number(end) - 300), end: String(Number(end) + 60) };
        const body =
          language === 'logql'
            ? await get(server, `/loki/api/v1/label/${label}/values`, range)
            : await get(server, `/api/v1/label/${label}/values`, {
                ...range,
                ...(metric ? { 'match[]': metric } : {}),
              });
        const found = body['data'] as string[];
        return wanted(found) ? true : undefined;
      });
    }
  });

  it('ask nothing that is not answered, and show something of a server at work', async () => {
    // Two exports apart, so that there are rates.
    await eventually(async () => {
      const query = 'rate(canardstack_otlp_requests_total[1m]) > 0';
      const n = await ask(server, { where: '', language: 'promql', query, instant: true });
      return n > 0 ? n : undefined;
    });
    const queries = boards.flatMap((board) => panelQueries(board, variables));
    const empty = async (all: readonly DashboardQuery[]) => {
      const found: DashboardQuery[] = [];
      for (const query of all) if ((await ask(server, query)) === 0) found.push(query);
      return found.filter(({ where }) => !mayBeEmpty.test(where));
    };
    let left = await empty(queries);
    // Some are counted first by the queries themselves, or by the first CHECKPOINT.
    await eventually(async () => {
      left = await empty(left);
      return left.length === 0 ? true : undefined;
    }).catch(() => undefined);
    assert.deepEqual(
      left.map(({ where, query }) => `${where}: ${query}`),
      [],
    );
  });
});
