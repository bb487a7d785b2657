import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toldBy } from './extent.js';

/** First and last times of things, between which they come and go. */
const things = [
  [10, 30],
  [12, 28],
  [20, 40],
] as const;
const extent = { begin: 10, end: 40, begunBy: 20, goesOnTo: 28 };

describe('what was there in a window', () => {
  it('is told by the first and last times of each, where the window has one end of all of them', () => {
    for (let from = 5; from < 45; from++) {
      for (let until = from + 1; until < 46; until++) {
        const by = toldBy(extent, from, until);
        assert.equal(toldBy({ ...big(extent) }, BigInt(from), BigInt(until)), by);
        const [begins, ends] = [from <= 10, until > 40];
        assert.equal(by === 'all times', !begins && !ends);
        if (by === 'all times') continue;
        for (const [first, last] of things) {
          const there = begins ? first < until : last >= from;
          assert.equal(
            by === 'all' || (by === 'first' ? first < until : last >= from),
            there,
            `${from} ${until}`,
          );
        }
        if (by === 'all') assert.ok(things.every(([first, last]) => first < until && last >= from));
      }
    }
  });
});

function big({ begin, end, begunBy, goesOnTo }: typeof extent) {
  return { begin: BigInt(begin), end: BigInt(end), begunBy: BigInt(begunBy), goesOnTo: BigInt(goesOnTo) };
}
