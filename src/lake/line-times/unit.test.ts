import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { it } from 'node:test';
import { randomNumbers } from '../../../test/support/random.js';
import { linesUntil, TimesBuilder, timesOf } from './unit.js';

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));

it(`times are counted as in a plain list, TEST_SEED=${seed}`, () => {
  const random = randomNumbers(seed);
  const below = (n: number) => Math.floor(random() * n);
  const edges = [0, 1, 65_535, 65_536, 65_537, 2 ** 32 - 1];
  const groups = Array.from({ length: 30 }, (_, g) => ({
    set: Math.floor(g / 3),
    value: (g % 3) - 1,
    times: Array.from({ length: below(40) + 1 }, () =>
      below(4) === 0 ? (edges[below(edges.length)] ?? 0) : below(g < 15 ? 300_000 : 2 ** 32),
    ).sort((a, b) => a - b),
  }));
  const rows = groups.flatMap(({ set, value, times }) => times.map((time) => ({ set, value, time })));
  const builder = new TimesBuilder(5, rows.length);
  // As it comes, in parts that end anywhere.
  for (let from = 0; from < rows.length; from += 17) {
    const part = rows.slice(from, from + 17);
    builder.add(
      Int32Array.from(part, ({ set }) => set),
      Int32Array.from(part, ({ value }) => value),
      Uint32Array.from(part, ({ time }) => time),
    );
  }
  const shared = builder.built(['a', 'b']);
  assert.ok(shared);
  const times = timesOf(shared);
  assert.deepEqual(
    [...times.sets],
    groups.map(({ set }) => set),
  );
  assert.deepEqual(
    [...times.valueOf],
    groups.map(({ value }) => value),
  );
  assert.deepEqual([shared.base, shared.last], [5, Math.max(...rows.map(({ time }) => time))]);
  for (const [g, { times: own }] of groups.entries()) {
    for (const time of [-1, ...edges, ...own.flatMap((at) => [at - 1, at, at + 1])]) {
      assert.equal(linesUntil(times, g, time), own.filter((at) => at <= time).length, `${g} ${time}`);
    }
  }
});

it('other lines than were announced are none', () => {
  const one = (): [Int32Array, Int32Array, Uint32Array] => [
    Int32Array.of(1),
    Int32Array.of(-1),
    Uint32Array.of(7),
  ];
  const few = new TimesBuilder(0, 2);
  few.add(...one());
  assert.equal(few.built([]), null);
  const many = new TimesBuilder(0, 0);
  assert.throws(() => many.add(...one()), /more lines/);
});
