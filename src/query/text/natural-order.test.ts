import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { randomNumbers } from '../../../test/support/random.js';
import { naturalOrder } from './natural-order.js';

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));
const random = randomNumbers(seed);
const below = (most: number) => Math.floor(random() * most);

/** As natsort of Go does it, stretch by stretch. */
function byStretches(a: string, b: string): number {
  if (a === b) return 0;
  const stretches = (text: string): readonly string[] => text.match(/\d+|\D+/g) ?? [];
  const [left, right] = [stretches(a), stretches(b)];
  for (const [i, one] of left.entries()) {
    const other = right[i];
    if (other === undefined) return 1;
    const [m, n] = [one, other].map((text) => {
      const value = /^\d/.test(text) ? BigInt(text) : undefined;
      return value !== undefined && value < 2n ** 63n ? value : undefined;
    });
    const areNumbers = m !== undefined && n !== undefined;
    if (areNumbers ? m !== n : one !== other) {
      return (areNumbers ? m < n : Buffer.compare(Buffer.from(one), Buffer.from(other)) < 0) ? -1 : 1;
    }
    if (i === left.length - 1) return -1;
    if (i === right.length - 1) return 1;
  }
  return 1;
}

const pieces = [
  ...['0', '00', '1', '9', '10', 'a', 'b', 'ab', 'é', '\ue000', '\uffff', '🦆', '🦅', '٣'],
  ...['9223372036854775807', '9223372036854775808', '18446744073709551616', '123456789'.repeat(5)],
];

describe(`natural order, TEST_SEED=${seed}`, () => {
  it('is that of Go, digits by their number and others by their bytes', () => {
    const text = (most: number) =>
      Array.from({ length: below(most) }, () => pieces[below(pieces.length)]).join('');
    for (let i = 0; i < 20_000; i++) {
      const start = text(4);
      const [a, b] = [start + text(4), (below(4) > 0 ? start : '') + text(4)];
      assert.equal(naturalOrder(a, b), byStretches(a, b), JSON.stringify([a, b]));
    }
  });

  it('has small numbers first, and what is longer than 64 bits as text', () => {
    const order = ['pod', 'pod-2', 'pod-10', 'pod-010a', '\uffff', '🦆'];
    assert.deepEqual([...order].reverse().sort(naturalOrder), order);
    const long = (first: string) => first + '7'.repeat(60_000);
    assert.deepEqual([long('3'), '20', long('1')].sort(naturalOrder), [long('1'), '20', long('3')]);
  });
});
