import assert from 'node:assert/strict';
import { it } from 'node:test';
import { plan } from './plan.js';
import { parse } from './prepare.js';

const minute = 60_000;
const range = { start: 600 * minute, end: 660 * minute, step: 10 * minute, lookback: 5 * minute };

function windowOf(expr: string, times = range) {
  const [window] = plan(parse(expr), times).values();
  return window;
}

it('tells the ends of ranges where nothing between them matters', () => {
  const edges = (expr: string, times = range) => windowOf(expr, times)?.edges;
  assert.deepEqual(edges('x'), { at: range.start, every: 10 * minute });
  assert.deepEqual(edges('rate(x[4m])'), { at: range.start, every: 2 * minute });
  assert.deepEqual(edges('increase((x[10m] offset 1m))'), { at: range.start - minute, every: 10 * minute });
  assert.deepEqual(edges('rate(x[3m] @ 60)'), { at: minute, every: 3 * minute });
  const instant = { ...range, end: range.start, step: 0 };
  assert.deepEqual(edges('x', instant), { at: range.start, every: 0 });
  assert.deepEqual(edges('rate(x[1h])', instant), { at: range.start, every: 60 * minute });
  for (const expr of ['count_over_time(x[4m])', 'irate(x[4m])', 'rate(x[4m] smoothed)', 'x[4m]']) {
    assert.equal(edges(expr), undefined, expr);
  }
});

it('tells in which groups increments are added up', () => {
  const sums = (expr: string) => windowOf(expr)?.sums;
  assert.deepEqual(sums('sum by (a) (rate(x[4m]))'), { without: false, labels: ['a'] });
  assert.deepEqual(sums('sum without (a) ((increase(x[4m])))'), { without: true, labels: ['a'] });
  assert.deepEqual(sums('sum(rate(x[4m]))'), { without: false, labels: [] });
  for (const expr of [
    'avg(rate(x[4m]))',
    'sum(x)',
    'sum(irate(x[4m]))',
    'sum(-rate(x[4m]))',
    'sum(abs(rate(x[4m])))',
  ]) {
    assert.equal(sums(expr), undefined, expr);
  }
});
