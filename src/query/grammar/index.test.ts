import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Automaton, end, type Grammar } from './index.js';

const rules = (texts: readonly string[], bindsAs?: string) =>
  texts.map((text) => {
    const [makes = '', parts = ''] = text.split(': ');
    return { makes, of: parts.split(' '), bindsAs };
  });

const sums: Grammar = {
  terminals: ['n', '=', '-', '*', '^', '(', ')', ';'],
  operators: [
    { names: ['='], side: 'none' },
    { names: ['-'] },
    { names: ['*'] },
    { names: ['^'], side: 'right' },
  ],
  start: 'List',
  rules: [
    ...rules(['List: Sum', 'List: List ; Sum', 'List: List ; error', 'Sum: n', 'Sum: ( Sum )']),
    ...rules(['Sum: Sum = Sum', 'Sum: Sum - Sum', 'Sum: Sum * Sum', 'Sum: Sum ^ Sum']),
    ...rules(['Sum: - Sum'], '*'),
  ],
};

/** The text with parentheses around all that is put together, and what was refused. */
function read(text: string): { read: string | undefined; refused: string[] } {
  const words = text.split(' ');
  const refused: string[] = [];
  const made = new Automaton(sums).parse<string>({
    next: () => {
      const word = words.shift();
      return { terminal: word ?? end, value: word };
    },
    reduce: ({ of }, values) =>
      of.length === 1 ? values[0] : `(${values.map((value) => value ?? '?').join('')})`,
    refuse: (terminal, expected) => {
      refused.push(`${terminal}: ${expected.join(' ')}`);
    },
  });
  return { read: made, refused };
}

describe('Automaton', () => {
  it('binds operators by their precedence and side, and rules as they say', () => {
    for (const [text, expected] of [
      ['n - n - n', '((n-n)-n)'],
      ['n ^ n ^ n', '(n^(n^n))'],
      ['n - n * n', '(n-(n*n))'],
      ['- n * n', '((-n)*n)'],
      ['- n ^ n', '(-(n^n))'],
    ] as const) {
      assert.deepEqual(read(text), { read: expected, refused: [] }, text);
    }
  });

  it('refuses operators without a side one after the other, with what would fit', () => {
    assert.equal(read('n = n').read, '(n=n)');
    assert.deepEqual(read('n = n = n').refused, ['=: ']);
    assert.deepEqual(read('( n n').refused, ['n: ']);
    assert.deepEqual(read('n * )').refused, ['): n - (']);
  });

  it('goes on where a rule has the place of an error, and tells of the next one', () => {
    assert.deepEqual(read('n ; ) ) ; n'), { read: '((n;?);n)', refused: ['): n - ('] });
    assert.deepEqual(read(')'), { read: undefined, refused: ['): n - ('] });
  });
});
