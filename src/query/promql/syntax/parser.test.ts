import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseDuration, prometheusDuration } from '../../text/durations.js';
import { unquote } from '../../text/unquote.js';
import { parse, parseSelector } from '../plan/prepare.js';
import { literalDuration, literalNumber } from './literals.js';
import { pretty, print } from './print.js';
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

describe('pretty', () => {
  it('splits what is longer than a line as Prometheus does', () => {
    const short = 'rate(http_requests_total{code!="500",method="get"}[5m])';
    const long = `sum by (job, instance) (-${short}) / on (job) group_left () topk(3, (${short} > bool 1))`;
    assert.equal(pretty(parse(short)), short);
    assert.deepEqual(pretty(parse(long)).split('\n'), [
      `  sum by (job, instance) (-${short})`,
      '/ on (job) group_left ()',
      `  topk(3, (${short} > bool 1))`,
    ]);
    const nested = `sum(max_over_time((${short} + ${short})[1h:5m])) by (a)`;
    assert.deepEqual(pretty(parse(nested)).split('\n'), [
      'sum by (a) (',
      '  max_over_time(',
      '    (',
      `        ${short}`,
      '      +',
      `        ${short}`,
      '    )[1h:5m]',
      '  )',
      ')',
    ]);
    assert.equal(print(parse(pretty(parse(nested)))), print(parse(nested)));
  });
});

describe('print', () => {
  const cases: [string, string][] = [
    ['sum(rate(a{b="c",d!~"e"}[5m]))by(f)', 'sum by (f) (rate(a{b="c",d!~"e"}[5m]))'],
    ['SUM without ("x.y") (a)', 'sum without ("x.y") (a)'],
    ['{"a", "http.method"=~`g\\d`}', '{"http.method"=~"g\\\\d",__name__="a"}'],
    ['{"http.server.duration"}', '{__name__="http.server.duration"}'],
    ['a[5m] @ 1.5 offset -1h30m', 'a[5m] @ 1.500 offset -1h30m'],
    ['a[1h:] @ end()', 'a[1h:] @ end()'],
    ['a[1h:5m] offset 1d', 'a[1h:5m] offset 1d'],
    ['a == on() 10 + on() time()', 'a == 10 + time()'],
    ['a / on(b) group_left(c) d', 'a / on (b) group_left (c) d'],
    ['a == bool ignoring(b) c', 'a == bool ignoring (b) c'],
    ['a + fill_left(1) b', 'a + fill_left (1) b'],
    ['topk by (a) (3, b)', 'topk by (a) (3, b)'],
    ["label_replace(a, 'b', '$1', 'c', '(.*)')", 'label_replace(a, "b", "$1", "c", "(.*)")'],
    ['a # comment\n + b', 'a + b'],
    ['(((a)))', '(((a)))'],
    ['a{z="1",b="2"}[90] offset 0s', 'a{b="2",z="1"}[1m30s]'],
    ['Inf + 0x1F - +1 * -5m', '+Inf + 31 - 1 * -5m'],
    ['a[8d:1w] offset -(2m*3)', 'a[8d:1w] offset -(2m * 3)'],
    ['a[min_of(step(),1h)+1.5] smoothed', 'a[min_of(step(), 1h) + 1.5] smoothed'],
    ['2.', '2'],
    ['-1./6.', '-1 / 6'],
    ['2.e3 + 1_0.', '2000 + 10'],
    ['vector(1.) # 3.', 'vector(1)'],
    ['a{b="1."}[2.:1.] @ 3. offset 1.', 'a{b="1."}[2s:1s] @ 3.000 offset 1s'],
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
    ['', /^unknown position: parse error: no expression found/],
    ['sum(', /^1:5: parse error: unclosed left parenthesis$/],
    ['a[5m', /unclosed left bracket$/],
    ['a +\n  )', /^2:4: parse error: unexpected right parenthesis '\)'$/],
    ['foo(a)', /^1:1: parse error: unknown function with name "foo"$/],
    [
      'rate(a)',
      /^1:6: parse error: expected type range vector in call to function "rate", got instant vector$/,
    ],
    ['sum(a, b)', /expected 1, got 2$/],
    ['clamp(a, 1)', /expected 3 argument\(s\) in call to "clamp", got 2$/],
    ['{}', /at least one non-empty matcher$/],
    ['{a=~".*"}', /at least one non-empty matcher$/],
    ['a{b=~"("}', /^1:3: parse error: error parsing regexp: missing closing \): `\(`$/],
    ['a{__name__="b"}', /metric name must not be set twice/],
    ['sum(a) offset 5m', /offset modifier must be preceded by an instant vector selector or range/],
    ['a offset 5m offset 1m', /offset may not be set multiple times$/],
    ['(a + b)[5m]', /ranges only allowed for vector selectors$/],
    ['a[5m][5m:]', /subquery is only allowed on instant vector, got matrix instead$/],
    ['1 == 1', /must use BOOL modifier$/],
    ['a and 1', /set operator "and" not allowed/],
    ['a + on(b) group_left(b) c', /must not occur in ON and GROUP clause/],
    ['"unterminated', /^1:1: parse error: unterminated quoted string$/],
    ['a{b="\\q"}', /^1:5: parse error: unknown escape sequence U\+0071 'q'$/],
    ['-"a"', /unary expression only allowed/],
    ...['1..2', '1.2.', '1e3.', '1e+3.', '2.x', 'a2.', 'a:2.'].map((source): [string, RegExp] => [
      source,
      /^1:\d: parse error: (unexpected|bad number|error parsing number)/,
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

  it('explains what does not parse in the words of Prometheus 0.316', () => {
    const table = readFileSync(
      new URL('../../../../../src/query/promql/testdata/faults.tsv', import.meta.url),
      'utf8',
    );
    const cases = table.trimEnd().split('\n');
    assert.ok(cases.length > 200);
    for (const line of cases) {
      const [source = '', message = ''] = line.split('\t');
      assert.throws(() => parse(source), { kind: 'bad_data', message }, source);
    }
  });

  it('refuses what is experimental in Prometheus where it is not wanted', () => {
    const refused: [string, string][] = [
      ['1 + sum(info(a))', '1:9: parse error: function "info" is not enabled'],
      [
        'limitk(1, a)',
        '1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=',
      ],
      ['a + fill(0) b', '1:1: parse error: binop fill modifiers are experimental and not enabled'],
    ];
    for (const [source, message] of refused) {
      const begins = (error: Error) => error.message.startsWith(message);
      assert.throws(() => parse(source, false), begins, source);
    }
    parse('sum by (b) (rate(a[5m] smoothed)) + on (b) group_left () c', false);
  });

  it('takes keywords alone for names of metrics where the grammar does', () => {
    for (const source of ['offset', 'by', 'without', 'sum', 'start', 'step', 'fill', 'smoothed', 'and']) {
      assert.equal(print(parse(source)), source);
      assert.equal(
        print(parse(`${source} offset 5m + ${source}{a="b"}`)),
        `${source} offset 5m + ${source}{a="b"}`,
      );
    }
    for (const source of ['on', 'bool', 'ignoring', 'group_left']) {
      assert.throws(() => parse(source), { message: `1:1: parse error: unexpected <${source}>` });
    }
  });

  it('counts columns in bytes, and tells bytes that are no characters', () => {
    assert.throws(() => parse('{a="ü€😀"} )'), {
      message: /^1:18: parse error: unexpected right parenthesis/,
    });
    assert.throws(() => parse('sum by ("\\xff") (a)'), {
      message: '1:9: parse error: invalid label name for grouping: "\\xff"',
    });
    assert.equal(print(parse('x{a="\\xff"}')), 'x{a="\\xff"}');
    assert.equal(print(parse('{"\\xff",b=~"c|\\xff"}')), '{__name__="\\xff",b=~"c|\\xff"}');
    assert.throws(() => parse('x{a=~"\\xff.*"}'), {
      message: '1:3: parse error: error parsing regexp: invalid UTF-8: `\ufffd.*`',
    });
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

  it('refuses durations that are nested or chained too deep', () => {
    for (const long of ['1'.padEnd(20_001, '+1'), `${'-(1+'.repeat(450)}1${')'.repeat(450)}`]) {
      for (const query of [`a[${long}]`, `a[5m:${long}]`, `a offset (${long})`]) {
        assert.throws(() => parse(query), { kind: 'bad_data', message: /duration.*deeper than 500/ });
      }
    }
    assert.equal(parse(`a[${'1'.padEnd(801, '+1')}]`).kind, 'matrix');
  });

  it('explains the first fault of a long text that has nothing but faults', () => {
    for (const word of ['=', '*', 'ü', 'on()', 'a="b" ']) {
      assert.throws(() => parse(word.repeat(10_000)), {
        kind: 'bad_data',
        message: /^1:\d: parse error: unexp/,
      });
    }
    assert.throws(() => parse(`{a="${'b'.repeat(50_000)}"} 1`), { message: /^1:50008: parse error: unexp/ });
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
      ['Inf', Infinity],
    ];
    for (const [text, value] of cases) assert.equal(literalNumber(text), value);
    for (const text of ['1.2.3', '0x', '0x_', '1_', '1e999', '5m'])
      assert.equal(literalNumber(text), undefined, text);
    assert.equal(literalDuration('1h5m'), 3900);
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
    for (const [source, message] of [
      ['a + b', '1:3: parse error: unexpected <op:+>'],
      ['a offset 5m', '1:3: parse error: unexpected <offset>'],
      ['rate(a[5m])', '1:5: parse error: unexpected "("'],
      ['', 'unknown position: parse error: unexpected end of input'],
      ['{a=~".*"}', 'match[] must contain at least one non-empty matcher'],
    ] as const) {
      assert.throws(() => parseSelector(source), { kind: 'bad_data', message });
    }
  });
});
