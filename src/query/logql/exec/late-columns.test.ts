import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Fastify, { type FastifyInstance } from 'fastify';
import { createTelemetry } from '../../../telemetry/index.js';
import { logRow, start, testLoki, type Body, type TestLoki } from '../fixture.test.js';
import { lokiApi } from '../index.js';

const rows = 600;
const second = 1_000_000_000n;

/**
 * Two lines each five seconds, of one nanosecond, in files of three kinds that follow one another. Few errors are elsewhere
 * than in compacted files.
 */
function line(i: number) {
  const compacted = i % 100 < 33;
  return logRow({
    at: Math.floor(i / 2) * 5,
    service: ['cart', 'ad', 'pay'][i % 3] as string,
    severity: (compacted && i % 7 < 2) || i % 50 === 49 ? 17 : 9,
    body: `line ${i}`,
    attributes: { n: i },
  });
}

describe('lines of many row groups', () => {
  let loki: TestLoki;
  let fast: FastifyInstance;
  before(async () => {
    loki = await testLoki();
    // As many files as make it worth to read columns late.
    for (let from = 0; from < rows; from += rows / 6) {
      await loki.lake.insert(
        'logs',
        Array.from({ length: rows / 6 }, (_, i) => line(from + i)),
      );
    }
    fast = Fastify();
    await fast.register(lokiApi({ guard: loki.lake.cached, telemetry: createTelemetry('silent') }));
    await asked({ query: '{level="error"}', limit: 10, direction: 'backward' });
    await loki.lake.cache.settled();
  });
  after(async () => {
    await fast.close();
    await loki.close();
  });

  /** Whether which rows is asked before their columns. */
  const isLate = (steps: readonly { readonly sql?: string }[]) =>
    steps.some(({ sql }) => sql?.startsWith('SELECT rowid FROM'));

  interface Question {
    readonly query: string;
    readonly limit: number;
    readonly direction: string;
  }

  const parameters = ({ query, limit, direction }: Question) => ({
    ...{ query, direction, limit: String(limit) },
    start: String(start),
    end: String(start + BigInt((rows / 2) * 5) * second),
  });

  async function asked(question: Question): Promise<Body & { explain: { steps: { sql?: string }[] } }> {
    const query = new URLSearchParams({ ...parameters(question), explain: '1' }).toString();
    const answer = await fast.inject({ method: 'GET', url: `/loki/api/v1/query_range?${query}` });
    assert.equal(answer.statusCode, 200, answer.body);
    return answer.json();
  }

  for (const query of ['{level="error"}', '{service_name=~".+"}', '{service_name=~".+", level!="error"}']) {
    for (const direction of ['backward', 'forward']) {
      it(`are those that are read at once: ${query} ${direction}`, async () => {
        for (const limit of [1, 7, 30, 400, 1000]) {
          const question = { query, limit, direction };
          const { data, explain } = await asked(question);
          const plain = await loki.get('query_range', parameters(question));
          assert.deepEqual(data.result, plain.json().data.result);
          if (limit < 400) continue;
          assert.ok(isLate(explain.steps));
          const named = explain.steps.some(({ sql }) => sql?.includes('file_row_number IN ('));
          // Too many others are not named.
          assert.equal(named, query === '{level="error"}');
        }
      });
    }
  }

  it('of one service, or with a filter, are read at once', async () => {
    for (const query of ['{service_name="ad"}', '{level="error"} |= "line"']) {
      const { explain } = await asked({ query, limit: 1000, direction: 'backward' });
      assert.ok(!isLate(explain.steps), query);
    }
  });
});
