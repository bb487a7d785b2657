import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDuration, prometheusDuration } from '../../text/durations.js';
import { unquote } from '../../text/unquote.js';
import { parse, parseSelector } from '../plan/prepare.js';
import { literalNumber } from './literals.js';
import { print } from './print.js';
import type { Expr } from './ast.js';

/** With parentheses around every operation, to show how it was grouped. */
function grouped(expr: Expr): string {
  if (expr.kind === 'binary') return `(${grouped(expr.left)} ${expr.op} ${grouped(expr.right)})`;
  if (expr.kind === 'unary') return `(${expr.op}${grouped(expr.expr)})`;
  return print(expr);
}

describe('precedence', () => {
  const cases: [string, string][] = [
    ['a + b * c', '(a + (b * c))'],
    ['a * b + c', '((a * b) + c)'],
    ['a - b - c', '((a - b) - c)'],
    ['a ^ b ^ c', '(a ^ (b ^ c))'],
    ['-a ^ b', '(-(a ^ b))'],
    ['-1 ^ 2', '(-(1 ^ 2))'],
    ['-a * b', '((-a) * b)'],
    ['2 ^ -a * b', '((2 ^ (-a)) * b)'],
    ['a or b and c unless d', '(a or ((b and c) unless d))'],
    ['a > b + c', '(a > (b + c))'],
    ['a + b offset 5m * c', '(a + (b offset 5m * c))'],
    ['-a offset 5m', '(-a offset 5m)'],
    ['a % b atan2 c / d', '(((a % b) atan2 c) / d)'],
    ['1 - -1', '(1 - -1)'],
  ];
  for (const [source, expected] of cases) {
    it(source, () => assert.equal(grouped(parse(source)), expected));
  }
});

describe('print', () => {
  const cases: [string, string][] = [
    ['sum(rate(a{b="c",d!~"e"}[5m]))by(f)', 'sum by (f) (rate(a{b="c", d!~"e"}[5m]))'],
    ['SUM without ("x.y") (a)', 'sum without (x_y) (a)'],
    ['{"a", "http.method"=~`g\\d`}', 'a{http_method=~"g\\\\d"}'],
    ['{"http.server.duration"}', '{__name__="http.server.duration"}'],
    ['a[5m] @ 1.5 offset -1h30m', 'a[5m] @ 1.500 offset -1h30m'],
    ['a[1h:] @ end()', 'a[1h:] @ end()'],
    ['a[1h:5m] offset 1d', 'a[1h:5m] offset 1d'],
    ['a / on(b) group_left(c) d', 'a / on (b) group_left (c) d'],
    ['a == bool ignoring(b) c', 'a == bool ignoring (b) c'],
    ['a + fill_left(1) b', 'a + fill_left (1) b'],
    ['topk by (a) (3, b)', 'topk by (a) (3, b)'],
    ["label_replace(a, 'b', '$1', 'c', '(.*)')", 'label_replace(a, "b", "$1", "c", "(.*)")'],
    ['a # comment\n + b', 'a + b'],
    ['(((a)))', '(((a)))'],
    ['2.', '2'],
    ['-1./6.', '-1 / 6'],
    ['2.e3 + 1_0.', '2e3 + 1_0'],
    ['vector(1.) # 3.', 'vector(1)'],
    ['a{b="1."}[2.:1.] @ 3. offset 1.', 'a{b="1."}[2:1] @ 3.000 offset 1'],
  ];
  for (const [source, expected] of cases) {
    it(source, () => {
      assert.equal(print(parse(source)), expected);
      assert.equal(print(parse(expected)), expected);
    });
  }
});

describe('errors', () => {
  const cases: [string, RegExp][] = [
    ['', /^1:1: parse error: no expression found/],
    ['sum(', /^1:5: parse error: unexpected end of input$/],
    ['a[5m', /unexpected end of input$/],
    ['a +\n  )', /^2:3: parse error: unexpected "\)"$/],
    ['foo(a)', /^1:1: parse error: unknown function with name "foo"$/],
    [
      'rate(a)',
      /^1:6: parse error: expected type range vector in call to function "rate", got instant vector$/,
    ],
    ['sum(a, b)', /expected 1, got 2$/],
    ['clamp(a, 1)', /expected 3 argument\(s\) in call to "clamp", got 2$/],
    ['{}', /at least one non-empty matcher$/],
    ['{a=~".*"}', /at least one non-empty matcher$/],
    ['a{b=~"("}', /invalid regular expression "\("/],
    ['a{__name__="b"}', /metric name must not be set twice/],
    ['sum(a) offset 5m', /offset modifier must be preceded by a selector or a subquery$/],
    ['a offset 5m offset 1m', /offset may not be set multiple times$/],
    ['(a + b)[5m]', /ranges only allowed for vector selectors$/],
    ['a[5m][5m:]', /expected type instant vector in subquery, got range vector$/],
    ['1 == 1', /must use BOOL modifier$/],
    ['a and 1', /set operator "and" not allowed/],
    ['a + on(b) group_left(b) c', /must not occur in ON and GROUP clause/],
    ['"unterminated', /^1:1: parse error: unterminated quoted string$/],
    ['a{b="\\q"}', /unknown escape sequence \\q/],
    ['-"a"', /unary expression only allowed/],
    ...['1..2', '1.2.', '1e3.', '1e+3.', '2.x', 'a2.', 'a:2.'].map((source): [string, RegExp] => [
      source,
      /^1:\d: parse error: unexpected "/,
    ]),
    ['a @ Inf', /timestamp out of bounds/],
  ];
  for (const [source, message] of cases) {
    it(JSON.stringify(source), () =>
      assert.throws(() => parse(source), { name: 'QueryError', kind: 'bad_data', message }),
    );
  }

  it('takes functions that the grammar does not know, and modifiers of a selector', () => {
    for (const source of [
      'min_of(1, 2)',
      'integral(a[5m], 1)',
      'rate(a[5m] smoothed)',
      'a anchored offset 5m',
    ]) {
      assert.equal(print(parse(source)), source);
    }
    for (const source of ['a[5m:1m] smoothed', 'a[5m] smoothed anchored']) {
      assert.throws(() => parse(source), { kind: 'bad_data', message: /smoothed/ });
    }
  });

  it('names what is not supported', () => {
    for (const [source, what] of [['start_timestamp(a)', /function start_timestamp/]] as const) {
      assert.throws(() => parse(source), { kind: 'unsupported', message: what });
    }
  });

  it('bounds nesting and length', () => {
    assert.throws(() => parse('('.repeat(1000) + 'a' + ')'.repeat(1000)), {
      kind: 'bad_data',
      message: /nested deeper/,
    });
    assert.throws(() => parse('-'.repeat(1000) + 'a'), {
      kind: 'bad_data',
      message: /nested or chained deeper than 500/,
    });
    assert.throws(() => parse('a'.repeat(70_000)), { kind: 'bad_data', message: /70000 characters long/ });
  });
});

describe('literals', () => {
  it('reads durations', () => {
    assert.equal(parseDuration('1d2h3m4s5ms', prometheusDuration), 93_784_005_000_000n);
    assert.equal(parseDuration('1w', prometheusDuration), 604_800_000_000_000n);
    assert.equal(parseDuration('5m1h', prometheusDuration), undefined);
    assert.equal(parseDuration('5', prometheusDuration), undefined);
  });

  it('reads numbers', () => {
    const cases: [string, number][] = [
      ['0x1F', 31],
      ['017', 15],
      ['1_000.5', 1000.5],
      ['.5e1', 5],
      ['-Inf', -Infinity],
      ['5m', 300],
    ];
    for (const [text, value] of cases) assert.equal(literalNumber(text), value);
    assert.equal(literalNumber('1.2.3'), undefined);
  });

  it('unquotes strings', () => {
    assert.equal(unquote(String.raw`"a\n\x41\101\u00e9\U0001F600\""`, `"'\``), 'a\nAAé😀"');
    assert.equal(unquote('`a\\n`', `"'\``), 'a\\n');
    assert.equal(unquote('"é"', `"'\``), 'é');
  });
});

describe('parseSelector', () => {
  it('takes a selector only', () => {
    assert.deepEqual(parseSelector('a{b="c"}').matchers, [
      { name: '__name__', op: '=', value: 'a' },
      { name: 'b', op: '=', value: 'c' },
    ]);
    for (const source of ['a + b', 'a offset 5m', 'rate(a[5m])']) {
      assert.throws(() => parseSelector(source), { kind: 'bad_data', message: /not a series selector/ });
    }
  });
});
