import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import Fastify, { type FastifyInstance } from 'fastify';
import { testLake, type TestLake } from '../../../../test/support/lake.js';
import { randomNumbers } from '../../../../test/support/random.js';
import { createTelemetry } from '../../../telemetry/index.js';
import { logRow, start, type Body } from '../fixture.test.js';
import { lokiApi } from '../index.js';

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));
const random = randomNumbers(seed);
const below = (n: number) => Math.floor(random() * n);
const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
const second = 1_000_000_000n;
const span = 4000;

function line() {
  const route = pick(['/', '/cart', '/pay', '', null]);
  return logRow({
    at: below(span),
    // On edges of windows, about them, and anywhere.
    ns: pick([0n, 1n, -1n, 1_000_000n, 999_999n, BigInt(below(1e9))]),
    ...(below(8) > 0 && { service: pick(['cart', 'ad', "p'ay"]) }),
    severity: pick([5, 9, 13, 17]),
    body: 'a line',
    attributes: {
      n: below(1000),
      ...(route !== null && { 'http.route': route }),
      ...(below(3) > 0 && { code: pick([200, 404]) }),
    },
    columns: { k8s_pod_name: pick(['a', 'b', null]) },
  });
}

const questions = [
  'sum by (level) (count_over_time({service_name=~".+"}[R]))',
  'sum by (level, detected_level) (count_over_time({service_name=~".+"} | drop __error__ [R]))',
  'sum by (service_name) (rate({service_name=~".+", service_name!="ad"}[R]))',
  'sum by (k8s_pod_name, service_name) (count_over_time({level="error"}[R]))',
  'sum(count_over_time({level=~"error|warn", k8s_pod_name="a"}[R]))',
  'sum by (http_route) (count_over_time({level="error"}[R]))',
  'sum by (http_route, service_name) (count_over_time({service_name="cart"}[R]))',
  'topk(2, sum by (http_route) (rate({service_name=~".+"}[R])))',
  'sum by (code) (count_over_time({service_name=~".+"}[R]))',
  'sum by (nowhere) (count_over_time({service_name=~".+"}[R]))',
];

/** Aligned or not, of each other or of none, and with gaps between the windows. */
const grids = [
  ...[300, 60, 1].map((step) => ({ step, range: step, from: 0n })),
  { step: 300, range: 60, from: 7n * second },
  { step: 60, range: 300, from: 123_000_000n },
  { step: 90, range: 60, from: -600n * second },
  // Steps of an hour stay where they are.
  { step: 3600, range: 300, from: 1n },
  { step: 1500, range: 900, from: 2000n * second },
];

describe(`lines that are counted by the times of lines in memory, TEST_SEED=${seed}`, () => {
  let lake: TestLake;
  let plain: FastifyInstance;
  let fast: FastifyInstance;

  before(async () => {
    lake = await testLake({}, 'one commit');
    await lake.connection.run('SET SESSION ducklake_default_data_inlining_row_limit = 100');
    for (let i = 0; i < 3; i++) {
      await lake.insert('logs', Array.from({ length: 400 }, line));
      // Every second file that it writes has columns of attributes.
      await lake.compact('logs');
    }
    const app = async (guard: TestLake['guard']) => {
      const made = Fastify();
      await made.register(lokiApi({ guard, telemetry: createTelemetry('silent') }));
      return made;
    };
    [plain, fast] = [await app(lake.guard), await app(lake.cached)];
  });
  after(async () => {
    await plain.close();
    await fast.close();
    await lake.close();
  });

  type Explained = Body & {
    readonly explain: { readonly steps: readonly { readonly text?: string; readonly sql?: string }[] };
  };

  async function asked(app: FastifyInstance, query: string, { step, range, from }: (typeof grids)[number]) {
    const parameters = {
      query: query.replaceAll('[R]', `[${range * 1000}ms]`),
      start: String(start + from),
      end: String(start + from + BigInt(span) * second),
      step: String(step),
      explain: '1',
    };
    const answer = await app.inject({
      url: `/loki/api/v1/query_range?${new URLSearchParams(parameters).toString()}`,
    });
    assert.equal(answer.statusCode, 200, answer.body);
    const { data, explain } = answer.json<Explained>();
    const { totalLinesProcessed } = data.stats.summary;
    const series = data.result.map(({ metric, values }) => JSON.stringify([metric, values])).sort();
    const told = explain.steps.find(({ text }) => text?.startsWith('times of lines from memory'))?.text;
    return { series, told, totalLinesProcessed, statements: explain.steps.flatMap(({ sql }) => sql ?? []) };
  }

  interface Same {
    readonly asked: string;
    readonly told: string | undefined;
    readonly statements: readonly string[];
  }

  /** Each question with some of the grids; what was told of memory. */
  async function same(each = 1): Promise<Same[]> {
    const all: Same[] = [];
    for (const query of questions) {
      for (let i = 0; i < each; i++) {
        const grid = pick(grids);
        const question = `${query} ${grid.step} ${grid.range} ${grid.from}`;
        const { series, ...how } = await asked(fast, query, grid);
        assert.deepEqual(series, (await asked(plain, query, grid)).series, question);
        all.push({ asked: question, ...how });
      }
    }
    return all;
  }

  /** Until all that was asked for in the background is there. */
  async function warm(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      for (const query of questions) await asked(fast, query, grids[0] as (typeof grids)[number]);
      await lake.cache.settled();
    }
  }

  const fromMemory = (all: readonly { readonly told: string | undefined }[], lines: RegExp) => {
    assert.ok(all.some(({ told }) => told !== undefined));
    for (const { told } of all) if (told !== undefined) assert.match(told, lines);
  };

  it('are those of the rows while they come', async () => {
    await same();
  });

  it('are those of the rows from memory', async () => {
    await warm();
    const all = await same(2);
    fromMemory(all, /: 1 files, 1200 lines$/);
    for (const { asked, told } of all) {
      // No row has that label, and a nanosecond is no millisecond.
      const read = asked.includes('nowhere') || asked.endsWith(' 1');
      assert.equal(told === undefined, read, asked);
    }
  });

  it('are those of the rows with others beside them', async () => {
    await lake.insert('logs', Array.from({ length: 40 }, line));
    await lake.insert('logs', Array.from({ length: 120 }, line));
    fromMemory(await same(), /: 1 files, 1200 lines, and from the table/);
    await lake.commit('logs');
    const all = await same();
    fromMemory(all, /: 1 files, 1200 lines, and from the table/);
    for (const { told, statements } of all) {
      if (told !== undefined) for (const sql of statements) assert.doesNotMatch(sql, /lake\.(main\.)?logs/);
    }
    // Each question reads the files of commits once.
    const filesRead = async () => {
      const all: number[] = [];
      for (const query of questions) {
        const grid = grids[0] as (typeof grids)[number];
        const { series, told, statements } = await asked(fast, query, grid);
        assert.deepEqual(series, (await asked(plain, query, grid)).series, query);
        const ofTimes = statements.filter((sql) => sql.includes('list((ms <<'));
        const read = ofTimes.flatMap((sql) => sql.match(/canardstack-\d+\.parquet/g) ?? []);
        if (told !== undefined) all.push(read.length);
      }
      return all;
    };
    await filesRead();
    assert.deepEqual(new Set(await filesRead()), new Set([0]));
    await lake.insert('logs', Array.from({ length: 110 }, line));
    await lake.commit('logs');
    assert.deepEqual(new Set(await filesRead()), new Set([1]));
    assert.deepEqual(new Set(await filesRead()), new Set([0]));
    // Too many windows to count by time are counted by rows, each once.
    const fine = { step: 60, range: 60.005, from: 0n };
    const { told, totalLinesProcessed, statements } = await asked(fast, questions[0] as string, fine);
    assert.ok(told !== undefined && statements.length > 1);
    assert.equal(totalLinesProcessed, (await asked(plain, questions[0] as string, fine)).totalLinesProcessed);
    // The most of all are not the most of those beside.
    const rare = Array.from({ length: 30 }, () => ({ ...line(), log_attributes: '{"http.route":"/rare"}' }));
    await lake.insert('logs', rare);
    for (const op of ['topk', 'bottomk']) {
      const query = `${op}(2, sum by (http_route) (count_over_time({service_name=~".+"}[R])))`;
      const once = { step: 2 * span, range: span, from: BigInt(span) * second };
      const { series, told } = await asked(fast, query, once);
      assert.match(told ?? '', /and from the table/);
      assert.deepEqual(series, (await asked(plain, query, once)).series);
    }
  });

  it('are those of the rows where a small file has a value that is too long', async () => {
    const attributes = { 'http.route': 'x'.repeat(5000) };
    const long = logRow({ at: 1, service: 'cart', severity: 17, body: 'a line', attributes });
    await lake.insert('logs', [long, ...Array.from({ length: 110 }, line)]);
    await lake.commit('logs');
    const [query, grid] = [questions[5] as string, grids[0] as (typeof grids)[number]];
    const { series, told, statements } = await asked(fast, query, grid);
    assert.ok(told !== undefined && statements.filter((sql) => sql.includes('list((ms <<')).length === 1);
    assert.deepEqual(series, (await asked(plain, query, grid)).series);
    assert.ok(series.some((one) => one.includes('xxx')));
  });

  it('are those that are left when rows are deleted', async () => {
    await lake.connection.run(`DELETE FROM lake.main.logs WHERE body = 'a line' AND severity_number = 13`);
    for (const { told, asked } of await same()) assert.equal(told, undefined, asked);
  });
});
