import { describe, it, mock } from 'node:test';
import assert from 'node:assert/strict';
import { start, testLoki } from '../fixture.test.js';
import { range, rows } from './rows.test.support.js';

interface Counted {
  readonly streams?: number;
  readonly entries?: number;
  readonly detectedLabels?: readonly { readonly cardinality: number }[];
}

describe('the limits of the Loki API', () => {
  it('bounds series, samples and rows', async () => {
    const loki = await testLoki({ maxSeries: 5, maxSamples: 200, maxRows: 3 });
    try {
      await loki.lake.insert('logs', rows);
      const refused = async (path: string, params: Record<string, string>, message: RegExp) => {
        const answer = await loki.get(path, { ...range, ...params });
        assert.deepEqual([answer.status, message.test(answer.body)], [400, true], answer.body);
      };
      await refused(
        'query_range',
        { query: 'count_over_time({service_name=~".+"}[1m])', step: '60' },
        /more than 5 series/,
      );
      await refused(
        'query_range',
        { query: 'sum by (user_id) (rate({service_name=~".+"}[1m]))', step: '1' },
        /more than 200 values/,
      );
      const samples = 'quantile_over_time(0.5, {service_name=~".+"} | unwrap http_status_code [1m]) by ()';
      assert.equal((await loki.get('query_range', { query: samples, step: '60', ...range })).status, 200);
      await refused('label/user_id/values', {}, /more than 3 rows/);
      for (const path of ['index/stats', 'detected_labels']) {
        const answer = await loki.get(path, { query: '{service_name=~".+"}', ...range });
        assert.equal(answer.status, 200, answer.body);
        const { streams = 0, entries, detectedLabels } = answer.json<Counted>();
        if (detectedLabels)
          assert.ok(
            detectedLabels.some(({ cardinality }) => cardinality > 1),
            answer.body,
          );
        else assert.deepEqual([entries, streams > 3], [rows.length, true], answer.body);
      }
      assert.equal((await loki.get('query_range', { query: '{a="b"}', limit: '4', ...range })).status, 400);
    } finally {
      await loki.close();
    }
  });

  it('bounds the characters of an answer', async () => {
    const loki = await testLoki();
    try {
      await loki.lake.connection.run(
        `INSERT INTO lake.main.logs BY NAME SELECT TIMESTAMP '2023-11-14 22:00:30' AS timestamp, ` +
          `${start + 30_000_000_000n} + i AS time_unix_nano, 's' AS service_name, repeat('x', 8000000) AS body FROM range(18) r(i)`,
      );
      const few = await loki.get('query_range', { query: '{service_name="s"}', limit: '2', ...range });
      assert.equal(few.status, 200);
      assert.equal(few.json().data.result[0]?.values.length, 2);
      const many = await loki.get('query_range', { query: '{service_name="s"}', ...range });
      assert.deepEqual(
        [many.status, /more than 134217728 characters/.test(many.body)],
        [400, true],
        many.body,
      );
    } finally {
      await loki.close();
    }
  });

  it('counts the series of the answer, not those that it reduces', async () => {
    const loki = await testLoki({ maxSeries: 2 });
    try {
      await loki.lake.insert('logs', rows);
      const counts = 'sum by (user_id) (count_over_time({service_name=~".+"}[1h]))';
      const ask = (query: string) => loki.get('query', { query, time: range.end });
      assert.match((await ask(counts)).body, /more than 2 series/);
      const reduced = await ask(`topk(1, ${counts})`);
      assert.equal(reduced.status, 200, reduced.body);
      assert.equal(reduced.json().data.result.length, 1);
    } finally {
      await loki.close();
    }
  });

  it('ends a query at its time limit, in JavaScript too', async () => {
    const loki = await testLoki({ timeoutMs: 1500 });
    try {
      const body = `'{"n":' || i || ',"pad":"' || repeat('x', 200) || '"}'`;
      await loki.lake.connection.run(
        `INSERT INTO lake.main.logs BY NAME SELECT TIMESTAMP '2023-11-14 22:00:30' AS timestamp, ` +
          `${start + 30_000_000_000n} + i AS time_unix_nano, 's' AS service_name, ${body} AS body FROM range(600000) r(i)`,
      );
      const slow = `sum(count_over_time({service_name="s"} | logfmt | line_format "{{ repeat 50 __line__ | upper | lower }}" |= "Q" [1m]))`;
      const answer = await loki.get('query_range', { query: slow, step: '60', ...range });
      assert.equal(answer.status, 504, answer.body);
      assert.match(answer.body, /ran longer than 1.5 s/);
      assert.equal(loki.lake.guard.running, 0);
    } finally {
      await loki.close();
    }
  });

  it('ends a query when its client goes away', async () => {
    const loki = await testLoki();
    try {
      await loki.lake.connection.run(
        `INSERT INTO lake.main.logs BY NAME SELECT TIMESTAMP '2023-11-14 22:00:30' AS timestamp, ` +
          `${start + 30_000_000_000n} + i AS time_unix_nano, 's' AS service_name, '{"n":' || i || '}' AS body FROM range(300000) r(i)`,
      );
      const address = await loki.app.listen({ host: '127.0.0.1', port: 0 });
      const query = new URLSearchParams({
        query: '{service_name="s"} | json | line_format "{{.n}}" |= "nope"',
        ...range,
      });
      const run = mock.method(loki.lake.guard, 'run');
      const client = new AbortController();
      const request = fetch(`${address}/loki/api/v1/query_range?${query.toString()}`, {
        signal: client.signal,
      });
      while (loki.lake.guard.running === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      client.abort();
      await assert.rejects(request);
      await assert.rejects(run.mock.calls[0]?.result as Promise<object>, { kind: 'canceled' });
      assert.equal(loki.lake.guard.running, 0);
    } finally {
      await loki.close();
    }
  });

  it('does not show the inside of an error', async () => {
    const loki = await testLoki();
    try {
      await loki.lake.connection.run('DROP TABLE lake.main.logs');
      const answer = await loki.get('query_range', { query: '{a="b"}', ...range });
      assert.equal(answer.status, 500);
      assert.equal(answer.body, 'the query failed inside the server');
      assert.match(loki.logged(), /Catalog Error/);
    } finally {
      await loki.close();
    }
  });
});
