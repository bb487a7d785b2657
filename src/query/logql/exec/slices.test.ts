import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { it } from 'node:test';
import { randomNumbers } from '../../../../test/support/random.js';
import { FileSlices, type Order } from './slices.js';

/** Hours one after another, in files of 50 row groups, each with as many matches. */
function day(hours: number, matches: number) {
  return Array.from({ length: hours }, (_, i) => ({
    first: BigInt(i * 100),
    last: BigInt(i * 100 + 99),
    groups: 50,
    bytes: 0,
    matches,
  }));
}

/** The parts that a search reads until it has enough, and how often each file was read. */
function searched(files: ReturnType<typeof day>, order: Order, limit: number) {
  const slices = new FileSlices(order, files, limit);
  const reads = files.map(() => 0);
  const parts: { from: bigint; to: bigint }[] = [];
  let found = 0;
  for (let slice = slices.next(0); slice !== null && found < limit; slice = slices.next(found)) {
    const { from, to } = slice;
    parts.push(slice);
    files.forEach(({ first, last, matches }, i) => {
      if (last < from || first >= to) return;
      reads[i] = (reads[i] ?? 0) + 1;
      found += matches;
    });
  }
  return { parts, reads, found };
}

for (const forward of [false, true]) {
  const order = { from: 0n, to: 2400n, forward };
  it(`reads no more files than it takes, ${forward ? 'forward' : 'backward'}`, () => {
    const many = searched(day(24, 1000), order, 100);
    assert.equal(many.parts.length, 1);
    assert.deepEqual(
      many.reads.flatMap((times, i) => (times > 0 ? [i] : [])),
      [forward ? 0 : 23],
    );
    const some = searched(day(24, 10), order, 100);
    assert.ok(some.found >= 100 && some.found <= 140, `${some.found}`);
    assert.ok(some.parts.length <= 4);
    const none = searched(day(24, 0), order, 100);
    assert.ok(none.parts.length <= 4);
    assert.ok(none.reads.every((times) => times === 1));
    const few = searched([{ first: 5n, last: 2390n, groups: 9, bytes: 0, matches: 0 }], order, 100);
    assert.deepEqual(few.parts, [{ from: 0n, to: 2400n }]);
  });
}

it('stays within the range where files begin or end together beyond it', () => {
  const order = { from: 0n, to: 2400n };
  const groups = { groups: 12, bytes: 0, matches: 0 };
  const before = [
    { first: -100n, last: 500n, ...groups },
    { first: -100n, last: 600n, ...groups },
  ];
  const after = [
    { first: 1000n, last: 3000n, ...groups },
    { first: 1100n, last: 3000n, ...groups },
  ];
  for (const files of [before, after])
    for (const forward of [false, true])
      for (const { from, to } of searched(files, { ...order, forward }, 100).parts)
        assert.ok(from >= order.from && to <= order.to, `${from} ${to}`);
});

it('takes few parts where the last entry wanted is nowhere', () => {
  const files = day(1000, 0).map((file, i) => ({ ...file, groups: 12, matches: i === 999 ? 999 : 0 }));
  const { parts } = searched(files, { from: 0n, to: 100_000n, forward: false }, 1000);
  assert.ok(parts.length <= 8, `${parts.length}`);
});

it('reads files of the same time together', () => {
  const together = day(1, 0).flatMap((file) => Array.from({ length: 20 }, () => file));
  assert.equal(searched(together, { from: 0n, to: 2400n, forward: false }, 100).parts.length, 1);
});

it('looks at each of many files that overlap a few times', () => {
  let looks = 0;
  const files = Array.from({ length: 2000 }, (_, i) => ({
    groups: 1,
    bytes: 0,
    get first() {
      looks++;
      return BigInt(i);
    },
    last: BigInt(i + 1500),
  }));
  for (const forward of [false, true]) {
    const slices = new FileSlices({ from: 0n, to: 3500n, forward }, files, 100);
    looks = 0;
    for (let slice = slices.next(0); slice !== null; slice = slices.next(0));
    assert.ok(looks < 20 * files.length, `${looks}`);
  }
});

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));

it(`covers the range without gaps, whatever the files, TEST_SEED=${seed}`, () => {
  const random = randomNumbers(seed);
  const below = (n: number) => Math.floor(random() * n);
  for (let round = 0; round < 200; round++) {
    const files = Array.from({ length: below(30) }, () => {
      // Of few places, as many files begin or end together.
      const first = below(12) * 250 - 300;
      return {
        first: BigInt(first),
        last: BigInt(first + below(7) * 100),
        groups: 1 + below(60),
        bytes: 0,
        matches: below(3),
      };
    });
    const forward = below(2) === 1;
    const order = { from: 0n, to: 2400n, forward };
    const { parts } = searched(files, order, 1e9);
    const sorted = forward ? parts : parts.toReversed();
    assert.equal(sorted[0]?.from, 0n);
    assert.equal(sorted.at(-1)?.to, 2400n);
    for (const [i, { from, to }] of sorted.entries()) {
      assert.ok(from < to);
      if (i > 0) assert.equal(from, sorted[i - 1]?.to);
    }
  }
});
