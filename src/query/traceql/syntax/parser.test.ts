import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parser as grafanaParser } from '@grafana/lezer-traceql';
import { QueryError } from '../../../lake/query-error.js';
import type { FieldExpr } from './ast.js';
import { exprText } from './print.js';
import { parseDuration } from './lexer.js';
import { parseFieldName, parseQuery, parseSpansetQuery } from './parser.js';
import { filterSql } from '../plan/filter.js';

function condition(text: string): FieldExpr {
  const [element] = parseSpansetQuery(text).pipeline.elements;
  assert.equal(element?.kind, 'filter');
  return element.condition;
}

function refusedByGrafana(text: string): boolean {
  let errors = 0;
  grafanaParser.parse(text).iterate({
    enter: ({ type }) => {
      if (type.isError) errors++;
    },
  });
  return errors > 0;
}

describe('TraceQL parser', () => {
  const precedence: [string, string][] = [
    ['{ 1 + 2 * 3 = 7 - .a }', '(1 + (2 * 3)) = (7 - .a)'],
    ['{ .a = 1 || .b = 2 && .c = 3 }', '((.a = 1) || (.b = 2)) && (.c = 3)'],
    ['{ .a - .b - .c = 0 }', '((.a - .b) - .c) = 0'],
    ['{ .a ^ .b ^ .c = 0 }', '(.a ^ (.b ^ .c)) = 0'],
    ['{ !.a = .b }', '(!.a) = .b'],
    ['{ -.a * .b > 0 }', '(-(.a * .b)) > 0'],
    ['{ (.a + 1) * 2 = 4 }', '((.a + 1) * 2) = 4'],
    ['{ span."a b".c = "x" }', 'span."a b.c" = `x`'],
    ['{ parent.resource.x = -5 }', 'parent.resource.x = -5'],
    ['{ parent.duration > 90s }', 'parent.duration > 1m30s'],
    ['{ trace:rootService = `raw\\n` }', 'rootServiceName = `raw\\n`'],
    ['{ .a != nil }', '.a != nil'],
    ['{ .a = 1e3 || .b = .5 }', '(.a = 1000) || (.b = 0.5)'],
    ['{ .日本 = "\\u00e9\\x41\\t" }', '.日本 = `éA\t`'],
    ['{ .a /* c */ = // to the end\n 1 }', '.a = 1'],
  ];
  for (const [text, expected] of precedence) {
    it(`reads ${JSON.stringify(text)}`, () => assert.equal(exprText(condition(text)), expected));
  }

  const valid = [
    '{}',
    '{ status = error } | count() > 2 | by(span.x + 1) | coalesce() | select(.a, span:id, event.x)',
    '({ .a } | count() > 1 | { .b }) >> ({ .c } | avg(duration) < 1h)',
    '({ .a } && { .b }) || ({ .c } &>> { .d })',
    '{} | max((1 + .a) * 2) = 1',
    'avg(.field) > 1 | { .a }',
    '(count() + 1) * 2 > 4',
    '{} | rate()',
    '{} | rate() by(resource.service.name, name) | topk(3) with(sample=true, exemplars=10)',
    '{} | quantile_over_time(duration, .5, 0.9, 1) by(span.x) > 1.5',
    '{} | histogram_over_time(duration)',
    '{} | compare({ status = error }, 10, 1, 2)',
    '({} | rate())',
    '(({} | rate()))',
    '({ status = error } | rate()) / ({} | rate()) > 0.5 | topk(3) with(sample=true)',
    '100 * (({ .a } | rate() by(.b) | topk(2)) - -2 / ({ .c } | count() > 1 | rate()))',
    '({ .a } && ({ .b } | count() > 1)) | rate()',
    '{ .a = minInt || .a = maxInt }',
    '{} | rate() by(event:name, link.x)',
    '{ nestedSetParent<0 && true && status=error } | rate()  with(sample=true)',
  ];
  for (const text of valid) it(`accepts ${text}`, () => void parseQuery(text));

  const invalid: [string, RegExp][] = [
    ['', /parse error : syntax error: unexpected \$end/],
    ['{ . }', /col 3: syntax error: unexpected END_ATTRIBUTE, expecting IDENTIFIER$/],
    ['{ .a < }', /col 8: syntax error: unexpected }$/],
    ['{ .a < 3', /col 9: syntax error: unexpected \$end$/],
    ['{ attribute = 4 }', /col 3: syntax error: unexpected IDENTIFIER$/],
    ['{ .a == 4 }', /col 7: syntax error: unexpected =$/],
    ['{ .a = "x }', /col 8: literal not terminated/],
    ['{ .a = "\\q" }', /col 8: unknown escape sequence U\+0071 'q'/],
    ['{ .a = 99999999999999999999 }', /strconv.Atoi: parsing .* value out of range/],
    ['{\n  .a = §\n}', /line 2, col 8: syntax error: unexpected IDENTIFIER$/],
    [
      '{ trace:rootServiceName = "a" }',
      /col 9: syntax error: unexpected rootServiceName, expecting duration or rootName or rootService or id$/,
    ],
    ['{ .a } + { .b }', /col 8: syntax error: unexpected \+, expecting with$/],
    ['{ status }', /span filter field expressions must resolve to a boolean: \{ \w+ \}$/],
    ['{ 1 + 1 }', /must resolve to a boolean: \{ 1 \+ 1 \}$/],
    ['{ 1 = "foo" }', /binary operations must operate on the same type: 1 = `foo`$/],
    ['{ status > ok }', /illegal operation for the given types: status > ok$/],
    ['{ span.foo =~ "[" }', /invalid regex: `\[`$/],
    ['{ span.foo =~ .bar }', /must be a string/],
    ['{ -name = "foo" }', /illegal operation for the given type: -name$/],
    ['{ parent }', /span filter field expressions must resolve to a boolean: \{ \w+ \}$/],
    ['{ true } | count()', /col 19: syntax error: unexpected \$end$/],
    ['coalesce() | { true }', /unexpected coalesce/],
    ['{} | max(name) > 1', /must resolve to a number type: max\(name\)$/],
    ['{} | sum(3) = 2', /aggregate field expressions must reference the span: sum\(3\)$/],
    ['{} | by(1)', /grouping field expressions must reference the span: by\(1\)$/],
    ['3 = 2', /must hold an aggregate/],
    ['{} | quantile_over_time(duration, 2)', /: quantile must be between 0 and 1: 2$/],
    ['{} | rate() by(parent)', /parent has no value of its own/],
    ['({} | rate()) / {}', /expected a metrics query in parentheses, or a number/],
    ['({} | rate()) % 2', /unexpected %, expecting with$/],
    ['{ parent. }', /unexpected END_ATTRIBUTE, expecting IDENTIFIER or resource\. or span\.$/],
    ['{ ."foo }', /col 3: unexpected EOF, expecting "$/],
    ['{ ."a\\n" }', /col 3: invalid escape sequence$/],
    ['{ event:id }', /col 9: syntax error: unexpected id, expecting name or timeSinceStart$/],
    ['{ span:rootName = "a" }', /col 8: syntax error: unexpected rootName$/],
    ['{ parent:id }', /col 9: syntax error: unexpected IDENTIFIER$/],
    ['max(name) = "foo"', /col 13: syntax error: unexpected STRING$/],
    ['{} = 10', /col 4: syntax error: unexpected =, expecting with$/],
    ['{} | rate() | topk(-1)', /col 20: syntax error: unexpected -, expecting INTEGER$/],
    ['{} | quantile_over_time(duration, "x")', /unexpected STRING, expecting INTEGER or FLOAT$/],
    ['{} | compare({}, 1, 2)', /col 22: syntax error: unexpected \), expecting ,$/],
    ['{} | compare({}, 1, 5, 2)', /: compare\(\) end timestamp must be greater than start timestamp$/],
    ['{} | compare({}, 1, 0, 2)', /: compare\(\) timestamps must be positive integer unix nanoseconds$/],
    ['{} | select(.a', /unexpected \$end, expecting \) or ,$/],
    ['({} | rate()) + ({})', /expected a metrics query in parentheses, or a number/],
    ['({} | compare({ status = error })) / ({} | rate())', /compare\(\) cannot be an operand/],
    ['({} | rate()', /unexpected \$end, expecting \)/],
    ['({} | rate()) * 10s', /or a number/],
    ['{} | rate() | { .a }', /col 15: syntax error: unexpected {, expecting topk or bottomk$/],
    ['{} | rate() | topk(0)', /: limit must be greater than 0$/],
    [`{ ${'('.repeat(200)}.a${')'.repeat(200)} }`, /more than 100 levels of nesting/],
    [`{ ${'.a || '.repeat(5000)} .b }`, /more than 8192 tokens/],
    ['x'.repeat(200_000), /longer than 131072 characters/],
  ];
  for (const [text, message] of invalid) {
    it(`refuses ${JSON.stringify(text.slice(0, 60))}`, () => {
      assert.throws(
        () => parseQuery(text),
        (error) => error instanceof QueryError && error.kind === 'bad_data' && message.test(error.message),
      );
    });
  }

  it('keeps long chains flat in SQL', () => {
    const { sql, exact } = filterSql(condition(`{ ${'name = "x" || '.repeat(2000)} name = "y" }`));
    assert.ok(exact);
    assert.ok(!sql.includes('(('));
  });

  it("accepts what Grafana's grammar accepts", () => {
    const texts = [...valid, ...precedence.map(([text]) => text)];
    const accepted = texts.filter((text) => !refusedByGrafana(text));
    assert.ok(accepted.length > 15);
    const refused = [...invalid.map(([text]) => text)].filter((text) => text.length < 1000);
    const both = refused.filter((text) => refusedByGrafana(text));
    assert.ok(both.length > 8);
  });

  it('reads durations in nanoseconds', () => {
    assert.equal(parseDuration('1h2m3.5s'), 3_723_500_000_000n);
    assert.equal(parseDuration('1.5ms'), 1_500_000n);
    assert.equal(parseDuration('100'), null);
    assert.equal(parseDuration('s'), null);
    assert.equal(parseDuration(''), null);
  });

  it('reads field names', () => {
    assert.deepEqual(parseFieldName('resource.service.name'), {
      kind: 'attribute',
      scope: 'resource',
      name: 'service.name',
      parent: false,
      at: 0,
    });
    assert.deepEqual(parseFieldName('span:kind'), { kind: 'intrinsic', name: 'kind', at: 0 });
    assert.equal(parseFieldName('service.name'), null);
    assert.equal(parseFieldName('.a = 1'), null);
  });
});
