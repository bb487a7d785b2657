import type { Field } from '../model/field.js';
import type {
  MetricsAggregate,
  MetricsCompare,
  MetricsFunction,
  MetricsStage,
  SecondStage,
  SpansetFilter,
} from './ast.js';
import type { Cursor } from './cursor.js';
import type { Token } from './lexer.js';
import { parseField } from './fields.js';

const functions: ReadonlySet<string> = new Set<MetricsFunction>([
  'rate',
  'count_over_time',
  'min_over_time',
  'max_over_time',
  'avg_over_time',
  'sum_over_time',
  'quantile_over_time',
  'histogram_over_time',
]);

export function isMetricsFunction(token: Token): boolean {
  return token.type === 'word' && (functions.has(token.text) || token.text === 'compare');
}

/** The part of a metrics query after its pipeline. */
export function parseMetrics(cursor: Cursor, parseFilter: (cursor: Cursor) => SpansetFilter): MetricsStage {
  const first = cursor.at('compare') ? parseCompare(cursor, parseFilter) : parseAggregate(cursor);
  const second: SecondStage[] = [];
  for (;;) {
    if (cursor.take('|')) second.push(parseRanking(cursor));
    else if (['=', '!=', '<', '<=', '>', '>='].some((op) => cursor.at(op))) {
      const op = cursor.next().text as '=';
      second.push({ kind: 'filter', op, value: parseNumber(cursor) });
    } else return { first, second };
  }
}

function parseAggregate(cursor: Cursor): MetricsAggregate {
  const { at } = cursor.token;
  const fn = cursor.next().text as MetricsFunction;
  cursor.expect('(');
  const counts = fn === 'rate' || fn === 'count_over_time';
  const operand = counts ? null : requireField(cursor);
  const quantiles: number[] = [];
  if (fn === 'quantile_over_time') {
    while (cursor.take(',')) {
      const place = cursor.token.at;
      const quantile = parseNumber(cursor);
      if (quantile < 0 || quantile > 1) throw cursor.fail('a quantile must be between 0 and 1', place);
      quantiles.push(quantile);
    }
    if (quantiles.length === 0) throw cursor.unexpected('expected a quantile');
  }
  cursor.expect(')');
  const by = cursor.take('by') ? parseFieldList(cursor) : [];
  return { kind: 'aggregate', fn, operand, quantiles, by, at };
}

function parseCompare(cursor: Cursor, parseFilter: (cursor: Cursor) => SpansetFilter): MetricsCompare {
  const { at } = cursor.token;
  cursor.expect('compare');
  cursor.expect('(');
  const selection = parseFilter(cursor);
  const numbers: bigint[] = [];
  while (cursor.take(',')) {
    const token = cursor.next();
    if (token.type !== 'int') throw cursor.fail('expected a whole number', token.at);
    numbers.push(token.value);
  }
  cursor.expect(')');
  const [topN = 10n, start, end] = numbers;
  if (topN < 1n || topN > 1000n) throw cursor.fail('compare() takes between 1 and 1000 values', at);
  if (numbers.length > 3 || numbers.length === 2) {
    throw cursor.fail('compare() takes a filter, how many values, and start and end in nanoseconds', at);
  }
  const window = start !== undefined && end !== undefined && end > start ? { start, end } : null;
  return { kind: 'compare', selection, topN: Number(topN), window, at };
}

function parseRanking(cursor: Cursor): SecondStage {
  const { token } = cursor;
  if (token.text !== 'topk' && token.text !== 'bottomk') throw cursor.unexpected('expected topk or bottomk');
  cursor.next();
  cursor.expect('(');
  const place = cursor.token.at;
  const limit = parseNumber(cursor);
  if (!Number.isInteger(limit) || limit < 1) throw cursor.fail('expected a whole number above 0', place);
  cursor.expect(')');
  return { kind: token.text, limit };
}

/** A plain number; durations count in seconds, the unit of metrics on durations. */
function parseNumber(cursor: Cursor): number {
  const sign = cursor.take('-') ? -1 : 1;
  const token = cursor.next();
  if (token.type === 'int' || token.type === 'float') return sign * Number(token.value);
  if (token.type === 'duration') return (sign * Number(token.value)) / 1e9;
  throw cursor.fail('expected a number', token.at);
}

function requireField(cursor: Cursor): Field {
  const field = parseField(cursor);
  if (!field) throw cursor.unexpected('expected an attribute or intrinsic');
  return field;
}

export function parseFieldList(cursor: Cursor): Field[] {
  cursor.expect('(');
  const fields = [requireField(cursor)];
  while (cursor.take(',')) fields.push(requireField(cursor));
  cursor.expect(')');
  return fields;
}
