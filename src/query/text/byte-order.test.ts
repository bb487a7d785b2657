import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { it } from 'node:test';
import { randomNumbers } from '../../../test/support/random.js';
import { byteOrder } from './byte-order.js';

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));

it(`texts are in the order of their bytes, TEST_SEED=${seed}`, () => {
  const random = randomNumbers(seed);
  const pieces = ['', 'a', 'b', '\0', 'é', '\ud7ff', '\ue000', '\ufffd', '\uffff', '🦆', '🦅', '\u{10ffff}'];
  const text = () =>
    Array.from({ length: Math.floor(random() * 4) }, () => pieces[Math.floor(random() * pieces.length)]).join(
      '',
    );
  for (let i = 0; i < 20_000; i++) {
    const start = text();
    const [a, b] = [start + text(), start + text()];
    const bytes = Buffer.compare(Buffer.from(a), Buffer.from(b));
    assert.equal(Math.sign(byteOrder(a, b)), bytes, JSON.stringify([a, b]));
  }
});
