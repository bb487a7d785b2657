import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isMainThread, threadId } from 'node:worker_threads';
import fastify, { type FastifyInstance } from 'fastify';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { metricPoint, scriptStart } from '../../../test/support/promql.js';
import type { ReadSession } from '../../lake/session.js';
import { createTelemetry } from '../../telemetry/index.js';
import type { Job, QueryAnswer } from '../server/endpoint.js';
import { listFirst } from '../promql/api/answers.js';
import { Params } from '../server/params.js';
import type { QueryContext } from '../server/guard.js';
import { lokiApi } from '../logql/index.js';
import { prometheusApi } from '../promql/index.js';
import { tempoApi } from '../traceql/index.js';
import { jaegerApi } from '../traceql/jaeger.js';
import { QueryThreads } from './index.js';
import { QueryThread } from './thread.js';

/** Each set of threads has metrics of its own. */
const telemetryOf = () => createTelemetry('silent');
const start = scriptStart / 1000;
const long = 'a line of more than twelve bytes, ünïcödé too 🦆';

function promql(query: string, range = ''): Job {
  const url = `/api/v1/query${range ? '_range' : ''}?query=${encodeURIComponent(query)}&time=${start}${range}`;
  const request = { url, params: {}, accept: '', encodingFlags: '', body: '' };
  return { language: 'promql', endpoint: range ? 'query_range' : 'query', request };
}

/** So many parameters are parsed in one go. */
function longToParse(): Job {
  const { request, ...job } = promql('vector(6)');
  return { ...job, request: { ...request, body: 'aaa=bbb&'.repeat(2_000_000) } };
}

/** Counts the ways in which a session is read. */
function counted(session: ReadSession): { session: ReadSession; calls: string[] } {
  const calls: string[] = [];
  const counting: ReadSession = {
    rows: (...args) => (calls.push('rows'), session.rows(...args)),
    stream: (...args) => (calls.push('stream'), session.stream(...args)),
    raw: (...args) => (calls.push('raw'), session.raw!(...args)),
  };
  return { session: counting, calls };
}

async function text({ body }: QueryAnswer): Promise<string> {
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return Buffer.from(body).toString();
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(Buffer.from(part as Uint8Array));
  return Buffer.concat(parts).toString();
}

async function fill(lake: TestLake): Promise<void> {
  await lake.insert(
    'metric_gauge',
    Array.from({ length: 300 }, (_, i) => ({
      ...metricPoint(scriptStart + i * 1000, 'temperature', {
        room: `room number ${i % 3}, on floor ${i % 2}`,
      }),
      value: i % 50 === 7 ? null : i,
      flags: i % 50 === 7 ? 1 : null,
    })),
  );
  await lake.insert('metric_histogram', [
    {
      ...metricPoint(scriptStart, 'latency_seconds'),
      bucket_counts: [1, 1],
      explicit_bounds: [1],
      count: 2,
      sum: 1.9,
    },
  ]);
  await lake.insert(
    'logs',
    Array.from({ length: 50 }, (_, i) => ({
      timestamp: new Date(scriptStart + i).toISOString().replace('T', ' ').replace('Z', ''),
      time_unix_nano: BigInt(scriptStart + i) * 1_000_000n,
      service_name: 'checkout',
      body: i % 5 === 0 ? 'short' : `${long} ${i}`,
      log_attributes: i % 2 === 0 ? JSON.stringify({ 'user.id': i, text: long }) : null,
    })),
  );
  await lake.insert('spans', [
    {
      timestamp: new Date(scriptStart).toISOString().replace('T', ' ').replace('Z', ''),
      trace_id: 'ab'.repeat(16),
      span_id: 'cd'.repeat(8),
      span_name: 'GET /checkout',
      service_name: 'checkout',
      start_time_unix_nano: BigInt(scriptStart) * 1_000_000n,
      end_time_unix_nano: BigInt(scriptStart + 20) * 1_000_000n,
      duration_nano: 20_000_000n,
      span_attributes: JSON.stringify({ 'http.route': '/checkout/{id}', size: 12 }),
    },
  ]);
}

const day = `start=${start - 3600}&end=${start + 3600}`;
const requests = [
  '/jaeger/api/services',
  '/jaeger/api/traces?service=',
  `/api/v1/query?time=${start + 200}&query=${encodeURIComponent('sum by (room) (avg_over_time(temperature[3m]))')}`,
  `/api/v1/query_range?${day}&step=60&query=${encodeURIComponent('temperature')}`,
  `/api/v1/query?time=${start}&query=latency_seconds_bucket`,
  `/api/v1/query?time=${start}&query=${encodeURIComponent('sum(')}`,
  `/api/v1/series?${day}&match[]=temperature`,
  `/api/v1/labels?${day}`,
  `/api/v1/label/room/values?${day}`,
  `/api/v1/metadata?${day}`,
  `/loki/api/v1/query_range?${day}&query=${encodeURIComponent('{service_name="checkout"} |= "line"')}`,
  `/loki/api/v1/labels?${day}`,
  `/api/traces/${'ab'.repeat(16)}`,
  `/api/v2/traces/${'ab'.repeat(16)}`,
  `/api/traces/${'ef'.repeat(16)}`,
  `/api/search?${day}&q=${encodeURIComponent('{ span.size = 12 }')}`,
  `/api/v2/search/tag/span.http.route/values?${day}`,
];

/** Durations of the run itself are no part of an answer. */
function comparable(body: string): string {
  return body.replace(/"(execTime|bytesProcessedPerSecond|linesProcessedPerSecond)":[\d.e-]+/g, '');
}

describe('queries in threads', () => {
  let lake: TestLake;
  let threads: QueryThreads;
  before(async () => {
    lake = await testLake();
    await fill(lake);
    threads = await QueryThreads.start({ threads: 1, telemetry: telemetryOf() });
  });
  after(async () => {
    await threads.close();
    await lake.close();
  });

  const run = (job: Job, client = new AbortController().signal, on = threads) =>
    lake.guard.run('test', client, (ctx) => on.run(ctx, job));

  it('answers as the calling thread does, errors too', async () => {
    const apps: FastifyInstance[] = [];
    for (const deps of [{}, { threads }]) {
      const app = fastify();
      const own = telemetryOf();
      for (const api of [prometheusApi, lokiApi, tempoApi, jaegerApi]) {
        await app.register(api({ guard: lake.guard, telemetry: own, ...deps }));
      }
      apps.push(app);
    }
    for (const url of requests) {
      const [inline, threaded] = await Promise.all(apps.map((app) => app.inject({ method: 'GET', url })));
      assert.ok(inline && threaded);
      assert.equal(threaded.statusCode, inline.statusCode, url);
      assert.equal(threaded.headers['content-type'], inline.headers['content-type'], url);
      assert.equal(comparable(threaded.body), comparable(inline.body), url);
    }
    const accept = { accept: 'application/protobuf' };
    const binary = await Promise.all(
      apps.map((app) =>
        app.inject({ method: 'GET', url: `/api/traces/${'ab'.repeat(16)}`, headers: accept }),
      ),
    );
    assert.ok((binary[0]?.rawPayload.length ?? 0) > 50);
    assert.deepEqual(binary[1]?.rawPayload, binary[0]?.rawPayload);
    for (const app of apps) await app.close();
  });

  it('makes no values of rows in the calling thread', async () => {
    assert.ok(isMainThread);
    assert.ok(!threads.threadIds.includes(threadId) && threads.threadIds.length === 1);
    const calls: string[] = [];
    const answer = await lake.guard.run('test', new AbortController().signal, async (ctx: QueryContext) => {
      const counting = counted(ctx.session);
      const answered = await threads.run({ ...ctx, session: counting.session }, promql('sum(temperature)'));
      calls.push(...counting.calls);
      return answered;
    });
    assert.match(await text(answer), /"value":/);
    assert.ok(calls.length >= 2);
    assert.deepEqual([...new Set(calls)], ['raw']);
  });

  it('are told with the job what they ask first', async () => {
    const window = `start=${start - 3600}&end=${start + 3600}`;
    const { limits } = lake.cached;
    for (const [endpoint, params, path, more] of [
      ['labels', {}, 'labels', ''],
      ['label_values', { name: 'room' }, 'label/room/values', ''],
      ['label_values', { name: '__name__' }, 'label/__name__/values', ''],
      ['series', {}, 'series', '&match[]=temperature'],
    ] as const) {
      const url = `/api/v1/${path}?${window}${more}`;
      const request = { url, params, accept: '', encodingFlags: '', body: '' };
      const job: Job = { language: 'promql', endpoint, request };
      const first = listFirst(new Params(request, 'seconds'), limits);
      assert.ok(first);
      let asked: string[] = [];
      const answered = (of: Job) =>
        lake.cached.run('test', new AbortController().signal, async (ctx) => {
          const session = new Proxy(ctx.session, {
            get(target, name: keyof ReadSession) {
              const value: unknown = Reflect.get(target, name);
              if (typeof value !== 'function') return value;
              asked.push(name);
              return value.bind(target) as unknown;
            },
          });
          return text(await threads.run({ ...ctx, session }, of));
        });
      const known = await answered(job);
      await lake.cache.settled();
      asked = [];
      assert.equal(await answered({ ...job, first }), known, url);
      assert.deepEqual(
        asked.filter((name) => ['series', 'listing'].includes(name)),
        ['series'],
        url,
      );
    }
  });

  it('are counted from when a thread is chosen, and asked first even if it ends meanwhile', async () => {
    const replaced: string[] = [];
    const thread = new QueryThread({
      heapMiB: 2048,
      graceMs: 0,
      onRestart: (reason) => replaced.push(reason),
    });
    await thread.start();
    const url = `/api/v1/labels?start=${start - 3600}&end=${start + 3600}`;
    const request = { url, params: {}, accept: '', encodingFlags: '', body: '' };
    const first = listFirst(new Params(request, 'seconds'), lake.cached.limits);
    assert.ok(first);
    const job: Job = { language: 'promql', endpoint: 'labels', request, first };
    let [allow, isAsked]: (() => void)[] = [() => undefined, () => undefined];
    const allowed = new Promise<void>((resolve) => (allow = resolve));
    const asked = new Promise<void>((resolve) => (isAsked = resolve));
    const answered = lake.cached.run('test', new AbortController().signal, async (ctx) => {
      const session = new Proxy(ctx.session, {
        get(target, name: keyof ReadSession) {
          const value: unknown = Reflect.get(target, name);
          if (typeof value !== 'function') return value;
          const call = value.bind(target) as (...args: unknown[]) => unknown;
          if (name !== 'series') return call;
          return async (...args: unknown[]) => {
            isAsked?.();
            await allowed;
            return call(...args);
          };
        },
      });
      return text(await thread.run({ ...ctx, session }, job));
    });
    await asked;
    assert.equal(thread.running, 1);
    let isIdle = false;
    const idle = thread.idle().then(() => (isIdle = true));
    const client = new AbortController();
    const stopped = lake.guard.run('test', client.signal, (ctx) => {
      const ended = thread.run(ctx, longToParse());
      setImmediate(() => client.abort());
      return ended;
    });
    await assert.rejects(stopped, { kind: 'canceled' });
    assert.equal(replaced.length, 1);
    assert.deepEqual([thread.running, isIdle], [1, false]);
    allow?.();
    assert.match(await answered, /"room"/);
    await idle;
    assert.equal(thread.running, 0);
    await thread.close();
  });

  it('keeps the limits', async () => {
    const small = await testLake({ maxSamples: 100 });
    await fill(small);
    const job = promql('temperature', `&start=${start}&end=${start + 300}&step=10`);
    await assert.rejects(
      small.guard.run('test', new AbortController().signal, (ctx) => threads.run(ctx, job)),
      { kind: 'limit', message: 'the query loads more than 100 samples; narrow its range or its selectors' },
    );
    await small.close();
    let doubling = 'label_replace(vector(1), "a", "xxxxxxxxxxxxxxxx", "", "")';
    for (let i = 0; i < 8; i++) doubling = `label_replace(${doubling}, "a", "$1$1$1$1", "a", "(.*)")`;
    await assert.rejects(run(promql(doubling)), { kind: 'limit', message: /a label of more than 65536/ });
  });

  it('tells an error of the database from one of the query', async () => {
    await lake.connection.run('ALTER TABLE lake.main.metric_sum RENAME TO hidden');
    await assert.rejects(run(promql('temperature + {room="x"}')), { kind: 'internal' });
    await lake.connection.run('ALTER TABLE lake.main.hidden RENAME TO metric_sum');
    assert.match(await text(await run(promql('vector(1)'))), /"1"/);
  });

  it('stops when the client goes away, and serves the next', async () => {
    // Long enough that it cannot have ended: each step looks at a subquery of thousands of steps.
    const job = promql('sum_over_time(vector(1)[20d:5s])', `&start=${start}&end=${start + 10_000}&step=1`);
    const client = new AbortController();
    const rejected = assert.rejects(run(job, client.signal), { kind: 'canceled' });
    const beside = run(promql('vector(2)'));
    assert.match(await text(await beside), /"2"/);
    client.abort();
    await rejected;
    assert.equal(lake.guard.running, 0);
    assert.match(await text(await run(promql('vector(3)'))), /"3"/);
  });

  it('sends a long answer in pieces, only as they are taken', async () => {
    const job = promql(
      'label_replace(vector(time()), "a", "b", "", "")',
      `&start=${start}&end=${start + 10_000}&step=1`,
    );
    const many = promql(
      Array.from({ length: 16 }, (_, i) => `label_replace(vector(time()), "a", "${i}", "", "")`).join(' or '),
      `&start=${start}&end=${start + 10_000}&step=1`,
    );
    const one = JSON.parse(await text(await run(job))) as { data: { result: { values: unknown[] }[] } };
    const all = JSON.parse(await text(await run(many))) as typeof one;
    assert.equal(all.data.result.length, 16);
    for (const series of all.data.result) assert.deepEqual(series.values, one.data.result[0]?.values);
    const { body } = await run(many);
    assert.ok(typeof body !== 'string' && !(body instanceof Uint8Array));
    for await (const piece of body) {
      assert.ok(piece.length > 0);
      break;
    }
    assert.match(await text(await run(promql('vector(4)'))), /"4"/);
  });

  it('replaces a thread that runs out of memory', async () => {
    await lake.connection.run(
      `INSERT INTO lake.main.metric_gauge (timestamp, prometheus_name, metric_attributes, value)
       SELECT TIMESTAMP '2024-01-01', 'wide', '{"shard":"the shard with number ' || i || '"}', 1 FROM range(50000) t(i)`,
    );
    const narrow = await QueryThreads.start({ threads: 1, telemetry: telemetryOf(), heapMiB: 40 });
    const [before] = narrow.threadIds;
    await assert.rejects(run(promql('count(wide)'), undefined, narrow), {
      kind: 'limit',
      message: /needs more memory than it may take/,
    });
    assert.match(await text(await run(promql('vector(5)'), undefined, narrow)), /"5"/);
    assert.notEqual(narrow.threadIds[0], before);
    await narrow.close();
    await assert.rejects(run(promql('vector(6)'), undefined, narrow), { kind: 'unavailable' });
  });

  it('runs the others again when one query takes all memory of a thread', async () => {
    const narrow = await QueryThreads.start({ threads: 1, telemetry: telemetryOf(), heapMiB: 40 });
    // Its rows come when the other one has long ended the thread; the second time they come at once.
    let calls = 0;
    const [before] = narrow.threadIds;
    const restarted = (async () => {
      while (narrow.threadIds[0] === before) await new Promise((resolve) => setTimeout(resolve, 20));
    })();
    const { signal } = new AbortController();
    const beside = lake.guard.run('test', signal, (ctx) => {
      const raw: ReadSession['raw'] = async (...args) => {
        if (calls++ === 0) await restarted;
        return ctx.session.raw!(...args);
      };
      const session: ReadSession = {
        rows: (...args) => ctx.session.rows(...args),
        stream: (...args) => ctx.session.stream(...args),
        raw,
      };
      return narrow.run({ ...ctx, session }, promql('count(absent(nothing))'));
    });
    await assert.rejects(run(promql('count(wide)'), undefined, narrow), {
      kind: 'limit',
      message: /needs more memory than it may take/,
    });
    assert.match(await text(await beside), /"1"/);
    await narrow.close();
  });

  it('ends a thread whose query does not give way', async () => {
    const strict = await QueryThreads.start({ threads: 1, telemetry: telemetryOf(), graceMs: 0 });
    const [before] = strict.threadIds;
    const client = new AbortController();
    const rejected = lake.guard.run('test', client.signal, async (ctx) => {
      const answered = strict.run(ctx, longToParse());
      setImmediate(() => client.abort());
      return answered;
    });
    await assert.rejects(rejected, { kind: 'canceled' });
    assert.match(await text(await run(promql('vector(7)'), undefined, strict)), /"7"/);
    assert.notEqual(strict.threadIds[0], before);
    await strict.close();
  });
});
