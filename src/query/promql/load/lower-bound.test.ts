import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lowerBound } from './lower-bound.js';

/** Rising times: even distances, random ones, and both with a long gap. */
const lists: readonly (readonly number[])[] = [
  [],
  [7],
  [7, 8],
  Array.from({ length: 50 }, (_, i) => i * 15),
  Array.from({ length: 50 }, (_, i) => i * i * i),
  Array.from({ length: 50 }, (_, i) => 1000 - 1000 / (i + 1)).map(Math.round),
  [...Array.from({ length: 20 }, (_, i) => i), ...Array.from({ length: 20 }, (_, i) => 1_000_000 + i * 3)],
].map((list) => [...new Set(list)]);

describe('the first sample that is not before a time', () => {
  it('is the one that a look at each of them finds, in any part of a list', () => {
    for (const list of lists) {
      const times = Uint32Array.from(list);
      for (const wanted of [...list, 0, 1, 9, 500, 999_999, 2 ** 32 - 1].flatMap((t) => [
        t - 1,
        t,
        t + 0.5,
      ])) {
        for (const [from, until] of [
          [0, times.length],
          [Math.min(3, times.length), times.length],
          [0, times.length >> 1],
        ] as const) {
          let expected = from;
          while (expected < until && (times[expected] ?? 0) < wanted) expected++;
          assert.equal(lowerBound(times, from, until, wanted), expected, `${wanted} in ${list.join()}`);
        }
      }
    }
  });
});
