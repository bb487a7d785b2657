import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import { testLake, type TestLake } from '../../../../test/support/lake.js';
import { metricPoint } from '../../../../test/support/promql.js';
import { withoutFiles } from '../../../../test/support/tempo.js';
import { createTelemetry } from '../../../telemetry/index.js';
import { lokiApi } from '../../logql/index.js';
import { prometheusApi } from '../../promql/index.js';
import { QueryThreads } from '../../threads/index.js';
import { tempoApi } from '../../traceql/index.js';
import { jaegerApi } from '../../traceql/jaeger.js';
import type { Explanation } from './explanation.js';

const start = Date.parse('2026-03-01T00:00:00Z') / 1000;
const day = 86_400;
const at = (seconds: number) => {
  const timestamp = new Date(seconds * 1000).toISOString().replace('T', ' ').replace('Z', '');
  return { timestamp, time_unix_nano: BigInt(seconds) * 1_000_000_000n };
};

/** Two days, a file each. */
async function fill(lake: TestLake): Promise<void> {
  await lake.connection.run(`CALL ducklake_set_option('lake', 'data_inlining_row_limit', '0')`);
  for (const from of [start, start + day]) {
    const seconds = Array.from({ length: 200 }, (_, i) => from + i * 10);
    await lake.insert(
      'metric_gauge',
      seconds.map((second, i) => ({
        ...metricPoint(second * 1000, 'temperature', { room: `r${i % 2}` }),
        value: i,
      })),
    );
    await lake.insert(
      'logs',
      seconds.map((second, i) => ({ ...at(second), service_name: `s${i % 2}`, body: `line ${i}` })),
    );
    await lake.insert(
      'spans',
      seconds.map((second, i) => ({
        timestamp: at(second).timestamp,
        trace_id: String(i).padStart(32, from === start ? 'a' : 'b'),
        span_id: 'cd'.repeat(8),
        span_name: 'GET /',
        service_name: 'shop',
        start_time_unix_nano: at(second).time_unix_nano,
        end_time_unix_nano: at(second + 1).time_unix_nano,
        duration_nano: 1_000_000_000n,
      })),
    );
  }
  for (const table of ['metric_gauge', 'logs', 'spans'] as const) await lake.compact(table);
}

const second = `start=${start + day}&end=${start + day + 2000}`;
const q = encodeURIComponent;
const requests = [
  `/api/v1/query?time=${start + day + 1990}&query=temperature`,
  `/api/v1/query_range?${second}&step=60&query=${q('sum by (room) (rate(temperature[5m]))')}`,
  `/api/v1/labels?${second}`,
  `/api/v1/label/room/values?${second}`,
  `/api/v1/series?${second}&match[]=temperature`,
  `/api/v1/metadata?${second}`,
  `/loki/api/v1/query_range?${second}&query=${q('{service_name="s1"}')}`,
  `/loki/api/v1/query?time=${start + day + 2000}&query=${q('sum(count_over_time({service_name="s1"}[1h]))')}`,
  `/loki/api/v1/labels?${second}`,
  `/loki/api/v1/label/service_name/values?${second}`,
  `/loki/api/v1/series?${second}&match[]=${q('{service_name="s1"}')}`,
  `/loki/api/v1/index/volume?${second}&query=${q('{service_name="s1"}')}`,
  `/loki/api/v1/detected_fields?${second}&query=${q('{service_name="s1"}')}`,
  `/api/search?${second}&q=${q('{ name = "GET /" }')}`,
  `/api/v2/search/tags?${second}`,
  `/api/v2/search/tag/span.a/values?${second}`,
  `/api/metrics/query?${second}&q=${q('{} | rate()')}`,
  `/api/v2/traces/${'0'.padStart(32, 'b')}`,
  `/jaeger/api/services`,
];

/** What is told of data files, which caches alone know. */
const chunkFigures =
  /"(totalChunks|totalChunksRef|totalChunksDownloaded|postFilterChunks|compressedBytes)":\d+(?=[,}])/g;

/** Durations of the run itself are no part of an answer. */
function comparable(body: string): unknown {
  const { explain, ...answer } = JSON.parse(body) as Record<string, unknown>;
  void explain;
  const text = JSON.stringify(answer);
  return withoutFiles(
    text
      .replace(/"(execTime|bytesProcessedPerSecond|linesProcessedPerSecond)":[\d.e-]+/g, '')
      .replace(chunkFigures, ''),
  );
}

describe('explain', () => {
  let lake: TestLake;
  let threads: QueryThreads;
  const apps = new Map<string, FastifyInstance>();
  before(async () => {
    lake = await testLake({}, 'one commit');
    await fill(lake);
    const telemetry = createTelemetry('silent');
    threads = await QueryThreads.start({ threads: 1, telemetry });
    for (const [name, deps] of [
      ['in threads', { guard: lake.cached, threads }],
      ['without threads', { guard: lake.cached }],
      ['without caches', { guard: lake.guard, threads }],
    ] as const) {
      const app = fastify();
      for (const api of [prometheusApi, lokiApi, tempoApi, jaegerApi]) {
        await app.register(api({ telemetry: createTelemetry('silent'), ...deps }));
      }
      apps.set(name, app);
    }
  });
  after(async () => {
    for (const app of apps.values()) await app.close();
    await threads.close();
    await lake.close();
  });
  const get = async (url: string, app = 'in threads', headers = {}) => {
    const answer = await apps.get(app)?.inject({ url, headers });
    assert.ok(answer);
    return answer;
  };
  const explained = async (url: string, app?: string): Promise<Explanation> =>
    (await get(`${url}&explain=1`, app)).json<{ explain: Explanation }>().explain;

  it('is one more member of each JSON answer, which stays the same', async () => {
    for (const url of requests) {
      const plain = await get(url);
      assert.equal(plain.statusCode, 200, `${url} ${plain.body}`);
      assert.ok(!plain.body.includes('"explain"'), url);
      for (const app of apps.keys()) {
        const answer = await get(url, app, { 'x-canardstack-explain': '1' });
        assert.equal(answer.statusCode, 200, url);
        assert.deepEqual(comparable(answer.body), comparable(plain.body), `${app} ${url}`);
        const { explain } = answer.json<{ explain: Explanation }>();
        assert.ok(explain.steps.length > 0, url);
        for (const step of explain.steps) {
          if (step.step === 'memory' || step.stopped) continue;
          assert.notEqual(step.scans, 'unknown', step.sql);
          assert.ok(!step.sql.includes('/canardstack-lake-'), 'no folder of the server');
        }
      }
    }
  });

  it('tells what is read and what is skipped', async () => {
    const counted = (range: string) =>
      `/loki/api/v1/query?time=${start + 2 * day}&query=${q(`sum(count_over_time({service_name="s1"}[${range}]))`)}`;
    const scan = async (url: string) => {
      const { steps } = await explained(url, 'without caches');
      const last = steps.at(-1);
      assert.ok(last?.step === 'statement' && typeof last.scans !== 'string');
      return last.scans[0];
    };
    const one = await scan(counted('1d'));
    assert.deepEqual(
      [one?.files, one?.rowGroups, one?.rowsInGroups, one?.rows],
      [{ read: 1, skipped: 1 }, { read: 1, skipped: 1 }, 200, 100],
    );
    assert.ok(Number(one?.bytes) > 100 && Number(one?.bytes) < 20_000, String(one?.bytes));
    const all = await scan(counted('2d'));
    assert.deepEqual(
      [all?.files, all?.rowGroups, all?.rowsInGroups, all?.rows],
      [{ read: 2, skipped: 0 }, { read: 2, skipped: 0 }, 400, 200],
    );
  });

  it('tells what comes from memory', async () => {
    const url = `/api/v1/query_range?${second}&step=60&query=temperature`;
    await get(url);
    await lake.cache.settled();
    await get(url);
    await lake.cache.settled();
    const { steps } = await explained(url);
    const texts = steps.flatMap((step) => (step.step === 'memory' ? [step.text] : []));
    assert.match(texts.join('\n'), /series of metric_gauge from memory: 1 files/);
    assert.match(texts.join('\n'), /samples of temperature from memory: 1 files, 200 samples/);
    const values = await explained(`/api/v2/search/tag/span.a/values?${second}`);
    assert.match(JSON.stringify(values.steps), /values of a in spans/);
  });

  it('tells no statement of what is kept and was asked for before, wherever a window ends', async () => {
    const [from, to] = [start + day, start + day + 4000];
    const ask = (path: string, begin: number, end: number) =>
      get(`${path}${path.includes('?') ? '&' : '?'}start=${begin}&end=${end}&explain=1`);
    for (const path of [
      '/api/v1/labels',
      '/loki/api/v1/labels',
      '/loki/api/v1/label/service_name/values',
      `/loki/api/v1/series?match[]=${q('{service_name=~".+"}')}`,
      `/loki/api/v1/index/volume?query=${q('{service_name=~".+"}')}`,
      `/loki/api/v1/index/stats?query=${q('{service_name=~".+"}')}`,
      '/api/v2/search/tags',
      '/api/v2/search/tag/resource.service.name/values',
    ]) {
      for (let i = 0; i < 2; i++) {
        await ask(path, from, to);
        await lake.cache.settled();
      }
      // An hour that was cut before is known row by row.
      await ask(path, from + 600, to - 600);
      const answer = await ask(path, from + 700, to - 700);
      assert.equal(answer.json<{ explain: Explanation }>().explain.statements, 0, `${path} ${answer.body}`);
    }
  });

  it('is text for people in place of the answer, and nothing that is not asked for', async () => {
    const text = await get(`${requests[0]}&explain=text`);
    assert.equal(text.headers['content-type'], 'text/plain; charset=utf-8');
    assert.match(text.body, /^promql query: [\d.]+ ms, \d+ statements, \d+ rows\nparse [\d.]+ ms, plan/);
    assert.match(text.body, /\nfiles: /);
    for (const off of ['0', 'false', '']) {
      assert.ok(!(await get(`${requests[0]}&explain=${off}`)).body.includes('explain'));
    }
    const wrong = await get(`${requests[0]}&explain=yes`);
    assert.equal(wrong.statusCode, 400);
    assert.match(wrong.body, /invalid parameter \\"explain\\": it must be 1, 0 or text: \\"yes\\"/);
    const form = await apps.get('in threads')?.inject({
      ...{ method: 'POST', url: '/api/v1/query' },
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: 'query=vector(1)&explain=1',
    });
    assert.equal(form?.json<{ explain: Explanation }>().explain.statements, 0);
  });

  it('leaves nothing behind', async () => {
    const [[folder] = []] = (
      await lake.connection.runAndReadAll(`SELECT current_setting('temp_directory')`)
    ).getRows();
    const entries = await readdir(String(folder), { recursive: true, withFileTypes: true });
    // Folders are those of DuckDB instances that still run.
    assert.deepEqual(
      entries.filter((entry) => !entry.isDirectory()),
      [],
    );
  });
});
