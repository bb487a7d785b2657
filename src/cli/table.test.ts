import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatSqlResult } from './sql.js';
import { displayWidth, formatCsv, formatTable, printable } from './table.js';

describe('formatTable', () => {
  it('aligns by display width, numbers to the right', () => {
    const text = formatTable(
      [{ name: 'name' }, { name: 'n', align: 'right' }],
      [
        ['鴨', '7'],
        ['duck', '1000'],
      ],
    );
    assert.deepEqual(text.split('\n'), ['name     n', '────  ────', '鴨       7', 'duck  1000', '']);
  });

  it('clips to the terminal, the widest column first', () => {
    const text = formatTable([{ name: 'id' }, { name: 'body' }], [['12345678', 'x'.repeat(200)]], 40);
    for (const line of text.trimEnd().split('\n')) assert.ok(displayWidth(line) <= 40, line);
    assert.match(text, /12345678 {2}x+…/);
  });

  it('shows control characters instead of sending them to the terminal', () => {
    assert.equal(printable('a\u001b[31mb\nc\u202e'), 'a\\u001b[31mb\\nc\\u202e');
  });
});

describe('formatCsv', () => {
  it('quotes as RFC 4180 and tells NULL from an empty text', () => {
    assert.equal(
      formatCsv(
        ['a', 'b'],
        [
          ['x,y', 'say "hi"'],
          [null, ''],
        ],
      ),
      'a,b\r\n"x,y","say ""hi"""\r\n,""\r\n',
    );
  });
});

describe('formatSqlResult', () => {
  const result = {
    columns: [
      { name: 'n', type: 'BIGINT' },
      { name: 'tags', type: 'VARCHAR[]' },
    ],
    rows: [
      [1, ['a', 'b']],
      [null, null],
    ],
    truncated: true,
  };

  it('ends a table with the number of rows and what was cut', () => {
    const text = formatSqlResult(result, { format: 'table' });
    assert.match(text, /^ {3}n {2}tags$/m);
    assert.match(text, /^ {3}1 {2}\["a","b"\]$/m);
    assert.match(text, /^NULL {2}NULL$/m);
    assert.match(text, /\(2 rows, more were cut off\)\n$/);
  });

  it('gives JSON objects', () => {
    assert.deepEqual(JSON.parse(formatSqlResult(result, { format: 'json' })), [
      { n: 1, tags: ['a', 'b'] },
      { n: null, tags: null },
    ]);
  });
});
