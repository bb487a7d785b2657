import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { it } from 'node:test';
import { testLake } from '../../../test/support/lake.js';
import { randomNumbers } from '../../../test/support/random.js';
import type { ValuesRequest } from '../session.js';

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));
const ms = 1_000_000n;
const hour = 3_600_000n * ms;
const begin = 1_790_000_000_000n * ms - ((1_790_000_000_000n * ms) % (24n * hour)) + 3n * hour;
const signal = new AbortController().signal;

it(`values occur as often as the rows of any window tell, TEST_SEED=${seed}`, async () => {
  const random = randomNumbers(seed);
  const below = (n: number) => Math.floor(random() * n);
  const lake = await testLake({}, 'one commit');
  try {
    await lake.connection.run('SET SESSION ducklake_default_data_inlining_row_limit = 0');
    // Some at whole milliseconds, some between, and of three days, each of which becomes a file.
    const times = Array.from({ length: 600 }, () => {
      const noise = [0n, 1n, 999_999n, BigInt(below(1_000_000))][below(4)] ?? 0n;
      return begin + BigInt(below(50 * 3_600_000)) * ms + noise;
    });
    const rows = times.map((start, i) => ({
      timestamp: `${new Date(Number(start / ms)).toISOString().slice(0, 23)}${String((start / 1000n) % 1000n).padStart(3, '0')}`,
      start_time_unix_nano: start,
      end_time_unix_nano: start + 2n * ms,
      trace_id: i.toString(16).padStart(32, '0'),
      service_name: 's',
      span_attributes: ['{}', '{"a":"x"}', '{"a":2}', `{"a":"${below(9)}"}`][below(4)],
    }));
    await lake.insert('spans', rows.slice(0, 400));
    await lake.compact('spans');
    // Of these the text alone has the attribute, as a commit writes them.
    await lake.insert('spans', rows.slice(400));
    await lake.cache.prepare(['spans']);
    await lake.cache.settled();

    const asked = async (from: bigint, until: bigint) => {
      const request: ValuesRequest = {
        ...{ table: 'spans', key: 'a', from, until },
        where: `start_time_unix_nano >= ${from} AND start_time_unix_nano < ${until}`,
      };
      const counted = (from: string) =>
        `SELECT value, sum(records)::INTEGER AS n FROM ${from} GROUP BY value ORDER BY value LIMIT 100`;
      const plain = `(SELECT json_extract(span_attributes, '$."a"')::VARCHAR AS value, 1 AS records FROM lake.main.spans WHERE value IS NOT NULL AND ${request.where})`;
      const [source, found, rows] = await lake.cached.run('test', signal, async ({ session }) => {
        const { sql: source, reads } = (await session.valuesOf?.(request)) ?? {};
        assert.equal(reads ?? false, / AS value, count\(\*\) AS records/.test(source ?? ''));
        return [source, await session.rows(counted(source ?? plain)), await session.rows(counted(plain))];
      });
      assert.deepEqual(found, rows, `from ${from} until ${until}: ${source}`);
      return source ?? 'the rows';
    };
    const all = [begin - hour, begin + 60n * hour] as const;
    // Before anything is counted, files are read: the whole of a file by its column alone.
    assert.match(await asked(...all), /"json:span_attributes:a" AS value, count\(\*\) AS records/);
    for (let i = 0; i < 2; i++) {
      await lake.cache.settled();
      await asked(begin + 5n * hour, begin + 40n * hour);
    }
    assert.doesNotMatch(await asked(...all), /read_parquet/);

    const edge = () => {
      const time = times[below(times.length)] ?? begin;
      const whole = time - (time % ms);
      return [time, time + 1n, whole, whole + ms, time - (time % hour)][below(5)] ?? time;
    };
    for (let i = 0; i < 60; i++) {
      const [a, b] = [edge(), edge()];
      if (a === b) continue;
      const window = a < b ? ([a, b] as const) : ([b, a] as const);
      const source = await asked(...window);
      if (i > 30 || a % ms !== 0n || b % ms !== 0n || source === 'the rows') continue;
      await lake.cache.settled();
      assert.doesNotMatch(await asked(...window), /read_parquet/);
    }
  } finally {
    await lake.close();
  }
});
