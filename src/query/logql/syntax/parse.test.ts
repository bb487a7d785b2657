import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { QueryError } from '../../../lake/query-error.js';
import { randomNumbers } from '../../../../test/support/random.js';
import { format } from './format.js';
import { parse } from './parse.js';
import { parseBytes, parseDuration, parseWrittenDuration, parseNumber } from '../grammar/units.js';

/** A query and how it is written with its precedence shown; one text alone is written as it is. */
const accepted: readonly (readonly [query: string, formatted?: string])[] = [
  ['{a="b"}'],
  ['{a="b", c!="d", e=~"f.*", g!~`h\\d`}', '{a="b", c!="d", e=~"f.*", g!~"h\\\\d"}'],
  ['({a="b"} |= "x")', '{a="b"} |= "x"'],
  ['{a="b"} |= "x" or "y" or ip("1.1.1.1") != "z"', '{a="b"} |= "x" or "y" or "1.1.1.1" != "z"'],
  ['{a="b"} |= ip("1.1.1.1") != "z"'],
  ['{a="b"} |> "<_> foo" !> "bar"'],
  ['{a="b"} # a comment\n |= "#" ', '{a="b"} |= "#"'],
  ['{a="b"} // seen 3e', '{a="b"}'],
  ['/* 08x [ " */ {a="b"}/**/ |= "/*" // |= `', '{a="b"} |= "/*"'],
  ['{a="b"} | x="1"/*\n*/y=2// 08\n', '{a="b"} | ( x="1" , y==2 )'],
  ['rate({a="b"}[08m])', 'rate({a="b"}[8m])'],
  ['rate({a="b"} | x>1or y=2and z=5m [09h])', 'rate({a="b"} | ( x>1 or ( y==2 , z==5m0s ) )[9h])'],
  [
    '{a="b"} | json | logfmt --strict --keep-empty | unpack | decolorize | regexp "(?P<x>.)" | pattern "<y>"',
    '{a="b"}\n  | json\n  | logfmt --strict --keep-empty\n  | unpack\n| decolorize\n  | regexp "(?P<x>.)"\n  | pattern "<y>"',
  ],
  ['{a="b"} | json x="a.b[0]", y | logfmt z, w="q"', '{a="b"} | json x="a.b[0]",y="y" | logfmt z="z",w="q"'],
  [
    '{a="b"} | label_format x=y, z="{{.w}}" | line_format "{{.x}}" | drop x, y="z" | keep a, b=~"c"',
    '{a="b"} | label_format x=y,z="{{.w}}" | line_format "{{.x}}" | drop x,y="z" | keep a,b=~"c"',
  ],
  ['{a="b"} | x>1 or y<=5s and z!=1KB', '{a="b"} | ( x>1 or ( y<=5s , z!=1.0kB ) )'],
  ['{a="b"} | x="1" , y="2" or z="3"', '{a="b"} | ( x="1" , ( y="2" or z="3" ) )'],
  [
    '{a="b"} | (x="1" or y="2") and z = ip("10.0.0.0/8")',
    '{a="b"} | ( ( x="1" or y="2" ) , z=ip("10.0.0.0/8") )',
  ],
  ['{a="b"} | x > -5 | y = 1.5e3', '{a="b"} | x>-5 | y==1500'],
  ['count_over_time({a="b"}[1h30m])'],
  ['rate({a="b"}[5m] |= "x" | json)', 'rate({a="b"} |= "x" | json[5m])'],
  ['rate({a="b"} [5m] offset -90s)', 'rate({a="b"}[5m] offset -1m30s)'],
  ['sum(rate({a="b"}[5m])) by (x, y)', 'sum by (x,y)(rate({a="b"}[5m]))'],
  ['sum without () (rate({a="b"}[1d]))', 'sum without ()(rate({a="b"}[1d]))'],
  ['topk(3, rate({a="b"}[5m])) by (x)', 'topk by (x)(3,rate({a="b"}[5m]))'],
  [
    'quantile_over_time(0.99, {a="b"} | json | unwrap duration_seconds(d) | __error__="" [1m]) by (e)',
    'quantile_over_time(0.99,{a="b"} | json | unwrap duration_seconds(d) | __error__=""[1m]) by (e)',
  ],
  [
    'min_over_time({a="b"} | unwrap x [30m] offset 30m) by (y)',
    'min_over_time({a="b"} | unwrap x[30m] offset 30m0s) by (y)',
  ],
  ['max_over_time(({a="b"} | json | unwrap x)[5m])', 'max_over_time({a="b"} | json | unwrap x[5m])'],
  [
    'max_over_time( ( {a="b"} | json | unwrap duration(x) | y="é)[" ) [5m] offset 1m)',
    'max_over_time({a="b"} | json | unwrap duration(x) | y="é)["[5m] offset 1m0s)',
  ],
  ['rate((({a="b"} |= "x")[5m]))', 'rate({a="b"} |= "x"[5m])'],
  ['{a="b"} | foo="bar" buzz!="x"', '{a="b"} | ( foo="bar" , buzz!="x" )'],
  ['{a="b"} | x>5 y<3m\tz=ip("::1") w=~`v`', '{a="b"} | ( x>5 , ( y<3m0s , ( z=ip("::1") , w=~"v" ) ) )'],
  ['{a="b"} | x="1" (y="2" or z="3") w!="4"', '{a="b"} | ( x="1" , ( ( y="2" or z="3" ) , w!="4" ) )'],
  ['{a="b"} | x="1" or y="2", z="3"', '{a="b"} | ( x="1" or ( y="2" , z="3" ) )'],
  ['approx_topk(2, rate({a="b"}[1m]))', 'approx_topk(2,rate({a="b"}[1m]))'],
  ['1 + 2 * 3', '7'],
  ['1 - 2 - 3', '-4'],
  ['2 ^ 3 ^ 2 * 4', '2048'],
  ['(1 + 2) * 3', '9'],
  ['1 > bool 2 + 3', '0'],
  [
    'vector(1) or vector(2) and vector(3) unless vector(4)',
    '(vector(1.000000) or ((vector(2.000000) and vector(3.000000)) unless vector(4.000000)))',
  ],
  [
    'vector(1) / on (a) group_left (b) vector(2) > 1',
    '((vector(1.000000) / on (a) group_left (b) vector(2.000000)) > 1)',
  ],
  ['label_replace(vector(1), "a", "$1", "b", "(.*)")', 'label_replace(vector(1.000000),"a","$1","b","(.*)")'],
];

const refused: readonly (readonly [query: string, message: RegExp, kind?: string])[] = [
  ['', /unexpected \$end/],
  ['{a="b"', /line 1, col 7: syntax error: unexpected \$end/],
  ['{a="b"} |= "x" and y="z"', /line 1, col 20: syntax error: unexpected IDENTIFIER/],
  ['{a="b"}\n| json |', /line 2, col 9: syntax error: unexpected \$end/],
  ['{a="b"} | nope "x"', /line 1, col 16: syntax error: unexpected STRING/],
  ['{}', /at least one regexp or equality matcher/],
  ['{a="b', /literal not terminated/],
  ['rate({a="b"}[5m', /^parse error at line 0, col 13: missing closing '\]' in duration$/],
  ['rate({a="b"}[5x])', /^parse error at line 0, col 13: unknown unit "x" in duration "5x"$/],
  ['{', /^parse error at line 1, col 2: syntax error: unexpected \$end, expecting IDENTIFIER or \}$/],
  [
    '{a="b"} |= foo',
    /^parse error at line 1, col 12: syntax error: unexpected IDENTIFIER, expecting STRING or ip$/,
  ],
  ['{a="b"} | label_format a', /unexpected \$end, expecting =$/],
  ['sum by (a)', /unexpected \$end, expecting \($/],
  ['{a="b"} | x = by', /^parse error at line 1, col 15: syntax error: unexpected by$/],
  [
    '{a="b"} | regexp "a"',
    /^parse error : invalid regexp parser: at least one named capture must be supplied$/,
  ],
  [
    'rate({a="b"}[5m]) and 1',
    /unexpected literal for right leg of logical\/set binary operation \(and\): 1\.000000$/,
  ],
  ['{a="b}', /col 4: literal not terminated/],
  ['1 + {a="b"}', /unexpected type for right leg of binary operation \(\+\): \*syntax.MatchersExpr/],
  ['{a="\\q"}', /^parse error at line 1, col 4: invalid char escape$/],
  ['sum_over_time({a="b"}[1m])', /invalid aggregation sum_over_time without unwrap/],
  ['count_over_time({a="b"} | unwrap x [1m])', /invalid aggregation count_over_time with unwrap/],
  ['sum_over_time({a="b"} | unwrap x [1m]) by (y)', /grouping not allowed for sum_over_time aggregation/],
  ['quantile_over_time({a="b"} | unwrap x [1m])', /parameter required for operation quantile_over_time/],
  ['topk(rate({a="b"}[1m]))', /parameter required for operation topk/],
  ['topk(0, rate({a="b"}[1m]))', /must be greater than 0/],
  ['sum(2, rate({a="b"}[1m]))', /unsupported parameter for operation sum\(2,/],
  ['sort(rate({a="b"}[1m])) by (x)', /sort and sort_desc doesn't allow grouping by/],
  ['{a="b"} | logfmt --nope', /line 1, col 20: syntax error: unexpected IDENTIFIER/],
  ['approx_topk(2, rate({a="b"}[1m])) by (c)', /grouping not allowed for approx_topk/],
  ['{a="b"} | x > 08m', /^parse error at line 1, col 15: invalid digit '8' in octal literal$/],
  ['{a="b"} | x > 3e // 08', /^parse error at line 1, col 15: exponent has no digits$/],
  ['{a="b"}\n /* |= "x"', /^parse error at line 2, col 2: comment not terminated$/],
  ['rate({a="b"}[5m /* wide */])', /^parse error at line 0, col 13: unknown unit/],
  // What Loki reads and the grammar does not: told by where it was written.
  [
    '{a="b"} /* e */ | x>1or y>2and \'z\'="w"',
    /^parse error at line 1, col 32: can't be read here: "'z'=\\"w\\""$/,
  ],
  ['/* many */ variants(rate({a="b"}[1m])) of ({a="b"}[1m])', /multi variant queries are disabled/],
  [`{a="${'x'.repeat(200_000)}"}`, /^parse error : input size too long \(200006 > 131072\)$/],
  [`${'('.repeat(3000)}1${')'.repeat(3000)}`, /nested deeper than 200 levels/],
];

describe('LogQL syntax', () => {
  for (const [query, formatted = query] of accepted) {
    it(`reads ${query}`, () => {
      const text = format(parse(query));
      assert.equal(text, formatted);
      assert.equal(format(parse(text)), text, 'the formatted query means the same');
    });
  }
  for (const [query, message, kind = 'bad_data'] of refused) {
    it(`refuses ${query.slice(0, 60)}`, () => {
      assert.throws(
        () => parse(query),
        (error) => error instanceof QueryError && error.kind === kind && message.test(error.message),
      );
    });
  }
  it('answers mutated numbers, comments and brackets with a tree or a refusal', () => {
    const random = randomNumbers(20_261_130);
    const pick = (of: readonly string[]) => of[Math.floor(random() * of.length)] ?? '';
    const bases = [
      '{a="b"} | x > 1 and y < 5m',
      'sum(rate({a="b"}[5m]))',
      '{a="b"} |= `c` | d = 1KB',
      '1 + 2',
    ];
    const pieces =
      '0 8 08 08m 09h 3e 3e+ 0x 0b2 1_ 1__2 .5 1.2.3 5m5 µs KiB _ [ ] [08m] [ ( ) { } # // /* */ /**/ " ` \' \\ - é 😀'
        .split(' ')
        .concat(' ', '\n', '// 08x\n', '/* 3e */');
    const outcomes = { read: 0, refused: 0 };
    for (let i = 0; i < 3000; i++) {
      let query = pick(bases);
      for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) {
        const at = Math.floor(random() * (query.length + 1));
        query = query.slice(0, at) + pick(pieces) + query.slice(at + Math.floor(random() * 2));
      }
      try {
        parse(query);
        outcomes.read++;
      } catch (error) {
        assert.ok(error instanceof QueryError, `${query}: ${String(error)}`);
        outcomes.refused++;
      }
    }
    assert.ok(outcomes.read > 200 && outcomes.refused > 200, JSON.stringify(outcomes));
  });
  it('reads hundreds of stages and operators', () => {
    const log = parse(`{a="b"}${' |= "x"'.repeat(500)}`);
    assert.equal(log.kind === 'log' && log.stages.length, 500);
    assert.equal(parse(Array(500).fill('1').join(' + ')).kind, 'binary');
  });
});

describe('LogQL units', () => {
  it('reads durations', () => {
    assert.equal(parseDuration('1h30m'), 5400e9);
    assert.equal(parseDuration('-1.5s'), -1.5e9);
    assert.equal(parseDuration('100µs'), 100e3);
    assert.equal(parseDuration('1d'), undefined);
    assert.equal(parseWrittenDuration('1d'), 86_400e9);
    for (const text of ['', '5', 's', '1x', '1h 2m']) assert.equal(parseDuration(text), undefined, text);
  });
  it('reads sizes', () => {
    assert.equal(parseBytes('2.5KiB'), 2560);
    assert.equal(parseBytes('1,000 kB'), 1_000_000);
    assert.equal(parseBytes('42'), 42);
    for (const text of ['', 'KB', '1 XB', '1 KB x']) assert.equal(parseBytes(text), undefined, text);
  });
  it('reads numbers as they are written in text', () => {
    assert.equal(parseNumber('1e3'), 1000);
    assert.equal(parseNumber('-Inf'), -Infinity);
    assert.ok(Number.isNaN(parseNumber('NaN')));
    for (const text of ['', ' 5', '1_000', '0x10', 'five']) assert.equal(parseNumber(text), undefined, text);
  });
});
