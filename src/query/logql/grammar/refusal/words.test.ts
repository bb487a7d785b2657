import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseBytes, parseDuration, parseNumber, valueFault } from '../units.js';
import { refusal } from './index.js';

it('counts columns by characters of the line that a word is on', () => {
  assert.match(String(refusal('{a="😀"} # x\n  |= |')), /line 2, col 6/);
  assert.match(String(refusal('{a="😀"} |= |')), /line 1, col 12/);
});

it('reads as many words, comments and digits as a query has room for, one after another', () => {
  assert.equal(refusal('{a="b"}' + '|="a"'.repeat(20_000)), undefined);
  assert.equal(refusal('#\n'.repeat(65_000) + '{a="b"}'), undefined);
  assert.ok(refusal(`{a="b"} | b > ${'1'.repeat(120_000)}n`));
});

it('tells of hostile values without going over them again and again', () => {
  const long = '1'.repeat(1_000_000);
  assert.match(valueFault('duration', `${long}s..`), /^time: invalid duration/);
  assert.match(valueFault('duration', `${long}..`), /^time: missing unit/);
  assert.match(valueFault('duration', `${long}s${long}`), /^time: missing unit/);
  assert.match(valueFault('duration', '1h5x'), /^time: unknown unit "x" in duration "1h5x"$/);
  for (const parse of [parseDuration, parseBytes, parseNumber]) assert.equal(parse(`${long}q`), undefined);
  assert.equal(parseBytes(`1${' '.repeat(1_000_000)}q`), undefined);
});
