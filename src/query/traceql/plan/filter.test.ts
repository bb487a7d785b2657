import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { testLake } from '../../../../test/support/lake.js';
import type { QueryContext } from '../../server/guard.js';
import { spanRows } from '../load/rows.js';
import { columnsFor, loadTraces } from '../load/traces.js';
import { compileExpr, isTrue } from '../exec/evaluate.js';
import { parseSpansetQuery } from '../syntax/parser.js';
import { exprFields, fieldsOf } from './fields.js';
import { randomNumbers } from '../../../../test/support/random.js';
import { filterSql, neededValues } from './filter.js';
import { drawSpans, epoch } from '../trace-text.test.support.js';

const next = randomNumbers(20260302);
const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T;

const attributeValues = [
  '1',
  '2.5',
  '"x"',
  '"1"',
  'true',
  'false',
  'null',
  '["x","y"]',
  '[1,2]',
  '{"k":1}',
  '""',
  '3',
];
/** No arrays: files of these have columns for them. */
const scalarValues = [
  ...['1', '1.0', '1e3', '-2', '"x"', '"1"', 'true', 'false', 'null', '{"k":[1]}', '""'],
  ...[
    '18446744073709551615',
    '36893488147419103232',
    '"[x"',
    String.raw`"a\"b"`,
    '"a/b"',
    '"é"',
    String.raw`"\u0007é"`,
  ],
];

function drawing(): string {
  const lines: string[] = [];
  for (let trace = 1; trace <= 12; trace++) {
    lines.push(`trace ${trace.toString(16)}`);
    for (let span = 0; span < 5; span++) {
      const words = [
        `${' '.repeat(1 + Math.floor(next() * 3))}n${Math.floor(next() * 3)}`,
        `svc=${pick(['x', 'y'])}`,
      ];
      words.push(`kind=${pick(['server', 'client'])}`, `status=${pick(['error', 'ok', 'unset'])}`);
      words.push(`dur=${Math.floor(next() * 4)}ms`, `at=${span}ms`);
      for (const key of [
        'a',
        'http.route',
        'http.response.status_code',
        'r:a',
        'r:host.name',
        's:a',
        'service.name',
      ]) {
        if (next() < 0.5) words.push(`${key}=${pick(key === 'r:host.name' ? ['x', 'y'] : attributeValues)}`);
      }
      for (const key of ['b', 'B']) if (next() < 0.7) words.push(`${key}=${pick(scalarValues)}`);
      for (const what of ['event', 'link']) {
        if (next() < 0.4)
          words.push(`${what}={"name":"${pick(['x', 'e'])}","attributes":{"a":${pick(attributeValues)}}}`);
      }
      lines.push(words.join(' '));
    }
  }
  return lines.join('\n');
}

const fields = [
  ...['.a', 'span.a', 'resource.a', 'instrumentation.a', 'event.a', 'link.a', '.service.name', 'event:name'],
  ...['span.b', 'span.b', 'span.b', '.b', 'span.B', '.B'],
  ...['span.http.route', 'span.http.response.status_code', 'resource.host.name', 'resource.service.name'],
];
const statics = [
  ...[
    '1',
    '2.5',
    '"x"',
    '"1"',
    'true',
    '""',
    '"y"',
    '2ms',
    '3',
    '1.0',
    '1000',
    '"[x"',
    String.raw`"a\"b"`,
    '"a/b"',
    '"é"',
  ],
];

function comparison(): string {
  const kind = next();
  if (kind < 0.1) return `name ${pick(['=', '!=', '=~', '!~'])} "${pick(['n0', 'n.', ''])}"`;
  if (kind < 0.2) return `duration ${pick(['=', '>', '<=', '!='])} ${pick(['1ms', '2ms', '0'])}`;
  if (kind < 0.3) return `status ${pick(['=', '!='])} ${pick(['error', 'ok'])}`;
  if (kind < 0.45) return `${pick(fields)} ${pick(['=', '!='])} nil`;
  if (kind < 0.55) return `${pick(fields)} ${pick(['=~', '!~'])} "${pick(['x', '[xy1]', '.*', 'e|x'])}"`;
  if (kind < 0.62) return pick(fields);
  if (kind < 0.7) return `${pick(statics)} ${pick(['=', '!='])} ${pick(fields)}`;
  const value = pick(statics);
  const ops = value === 'true' ? ['=', '!='] : ['=', '=', '!=', '<', '<=', '>', '>='];
  return `${pick(fields)} ${pick(ops)} ${value}`;
}

function expression(depth: number): string {
  const kind = next();
  if (depth === 0 || kind < 0.3) return comparison();
  if (kind < 0.45) return `!(${expression(depth - 1)})`;
  return `(${expression(depth - 1)}) ${pick(['&&', '||'])} (${expression(depth - 1)})`;
}

/** Some of what is put together compares, say, a name with a number. */
function isValid(query: string): boolean {
  try {
    parseSpansetQuery(query);
    return true;
  } catch {
    return false;
  }
}

describe('filters in SQL', () => {
  it('select the same spans as the evaluator, for random filters on random spans', async () => {
    const lake = await testLake({ timeoutMs: 250_000 });
    try {
      await lake.insert('spans', drawSpans(drawing()));
      const found = (query: string) => async (ctx: QueryContext) => {
        const [element] = parseSpansetQuery(query).pipeline.elements;
        assert.equal(element?.kind, 'filter');
        const { condition } = element;
        const range = { start: epoch - 1_000_000n, end: epoch + 1_000_000_000n };
        const from = await spanRows(ctx, range, exprFields(condition), neededValues(condition));
        const sql = `SELECT span_id FROM ${from} WHERE (${filterSql(condition).sql}) ORDER BY span_id`;
        return (await ctx.session.rows(sql)).map((row) => row['span_id'] as string);
      };
      const { signal } = new AbortController();
      await lake.cached.run('test', signal, found('{ span.b = 1 }'));
      await lake.cache.settled();
      const [first] = await lake.cached.run('test', signal, async ({ session }) => [
        await session.rowsOf?.({ table: 'spans', from: 0n, until: epoch * 2n, keys: ['b', 'B'] }),
      ]);
      assert.match(first ?? '', /"json:span_attributes:[bB]" AS/);
      const queries = Array.from({ length: 600 }, () => `{ ${expression(3)} }`).filter(isValid);
      await lake.guard.run('test', signal, async (ctx) => {
        const ids = Array.from({ length: 12 }, (_, i) => (i + 1).toString(16).padStart(32, '0'));
        const range = { start: epoch - 1_000_000n, end: epoch + 1_000_000_000n };
        const columns = columnsFor(
          fieldsOf(
            parseSpansetQuery('{ .a = 1 && instrumentation.a = 1 && event.a = 1 && link.a = 1 }').pipeline,
          ),
        );
        const traces = await loadTraces(ctx, ids, range, columns);
        assert.equal(traces.flatMap(({ spans }) => spans).length, 60);
        let [exact, matches] = [0, 0];
        for (const [i, query] of queries.entries()) {
          const [element] = parseSpansetQuery(query).pipeline.elements;
          assert.equal(element?.kind, 'filter');
          const evaluate = compileExpr(element.condition);
          const expected = traces
            .flatMap(({ spans }) => spans)
            .filter((span) => isTrue(evaluate(span)))
            .map(({ row }) => row.spanId)
            .sort();
          const { exact: isExact } = filterSql(element.condition);
          const answers = [await found(query)(ctx)];
          if (i % 3 === 0) answers.push(await lake.cached.run('test', signal, found(query)));
          if (isExact) exact++;
          if (isExact && expected.length > 0) matches++;
          for (const ids of answers) {
            if (isExact) assert.deepEqual(ids, expected, query);
            else
              assert.deepEqual(
                expected.filter((id) => !ids.includes(id)),
                [],
                query,
              );
          }
        }
        assert.ok(exact > 330 && matches > 200, `${exact} exact, ${matches} with matches`);
      });
    } finally {
      await lake.close();
    }
  });
});
