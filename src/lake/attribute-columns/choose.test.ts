import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chooseColumns, type KeyFacts } from './choose.js';
import { columnName, parseColumnName } from './names.js';

const fact = (key: string, records: number, more: Partial<KeyFacts> = {}): KeyFacts => ({
  key,
  records,
  distinct: 3,
  numeric: false,
  length: 8,
  ...more,
});
const choose = (facts: readonly KeyFacts[], most = 10, pinned: string[] = [], asked: string[] = []) =>
  chooseColumns('log_attributes', 1000, facts, { most, pinned, asked }).map(columnName);

describe('choice of attribute columns', () => {
  it('takes the most frequent, and rare or long ones only when they are pinned or asked for', () => {
    const facts = [
      fact('often', 900),
      fact('oftener', 1000),
      fact('rare', 10),
      fact('rarer', 5),
      fact('stack', 800, { length: 2000 }),
    ];
    assert.deepEqual(choose(facts), ['text:log_attributes:oftener', 'text:log_attributes:often']);
    assert.deepEqual(choose(facts, 3, ['rarer'], ['gone', 'stack', 'rare']), [
      'text:log_attributes:rarer',
      'text:log_attributes:stack',
      'text:log_attributes:rare',
    ]);
    assert.deepEqual(choose(facts, 0), []);
  });

  it('makes numbers of many values DOUBLE', () => {
    const numbers = { numeric: true };
    assert.deepEqual(
      choose([fact('ms', 1000, { ...numbers, distinct: 900 }), fact('status', 900, numbers)]),
      ['number:log_attributes:ms', 'text:log_attributes:status'],
    );
  });

  it('keeps JSON text of attributes of spans, of measurements only when they are asked for', () => {
    const facts = [fact('ms', 1000, { numeric: true, distinct: 900 }), fact('code', 900, { numeric: true })];
    const columns = (asked: string[]) =>
      chooseColumns('span_attributes', 1000, facts, { most: 10, pinned: [], asked }).map(columnName);
    assert.deepEqual(columns([]), ['json:span_attributes:code']);
    assert.deepEqual(columns(['ms']), ['json:span_attributes:ms', 'json:span_attributes:code']);
  });

  it('never takes two keys that DuckDB holds for one column, nor keys that need escapes', () => {
    assert.deepEqual(choose([fact('User', 1000), fact('user', 900), fact('a"b', 800), fact('', 700)]), [
      'text:log_attributes:User',
    ]);
  });

  it('reads its names back', () => {
    for (const name of [
      'text:log_attributes:a.b',
      'number:log_attributes:x/y-z',
      'json:span_attributes:A.b',
    ]) {
      const parsed = parseColumnName(name);
      assert.ok(parsed);
      assert.equal(columnName(parsed), name);
    }
    for (const other of [
      'body',
      'text:log_attributes',
      'json:log_attributes:a',
      'text:span_attributes:a',
      'text:log_attributes:a:b',
    ])
      assert.equal(parseColumnName(other), null);
  });
});
