import type { Field } from '../model/field.js';
import type {
  MetricsAggregate,
  MetricsCompare,
  MetricsExpr,
  MetricsFunction,
  MetricsMath,
  MetricsOp,
  MetricsSeries,
  Pipeline,
  SecondStage,
  SpansetFilter,
} from './ast.js';
import type { Cursor } from './cursor.js';
import { invalidQuery } from './errors.js';
import type { Token } from './token.js';
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

/** How the parser reads what metrics queries are made of. */
export interface SpansetParsers {
  readonly pipeline: (cursor: Cursor) => Pipeline;
  readonly filter: (cursor: Cursor) => SpansetFilter;
}

/** Whether a metrics function stands within parentheses: then the query is arithmetic of metrics, or one of them in parentheses. */
export function isMetricsMath(cursor: Cursor): boolean {
  let depth = 0;
  for (let ahead = 0; cursor.peek(ahead).type !== 'end'; ahead++) {
    const token = cursor.peek(ahead);
    if (token.type !== 'operator') continue;
    if (token.text === '(') depth++;
    else if (token.text === ')') depth--;
    else if (token.text === '|' && depth > 0 && isMetricsFunction(cursor.peek(ahead + 1))) return true;
  }
  return false;
}

const strengths: Record<MetricsOp, number> = { '+': 1, '-': 1, '*': 2, '/': 2 };

/** `(metrics) op (metrics)` with what ranks and filters the result. */
export function parseMetricsMath(cursor: Cursor, parsers: SpansetParsers): MetricsSeries | MetricsMath {
  const { at } = cursor.token;
  const expr = parseTerms(cursor, parsers, 0);
  if (expr.kind === 'number') throw cursor.fail('arithmetic needs a metrics query in parentheses', at);
  return { ...expr, second: [...expr.second, ...parseSecond(cursor)] };
}

function parseTerms(cursor: Cursor, parsers: SpansetParsers, weakest: number): MetricsExpr {
  let left = parseTerm(cursor, parsers);
  for (;;) {
    const { token } = cursor;
    const strength =
      token.type === 'operator' && token.text in strengths ? strengths[token.text as MetricsOp] : 0;
    if (strength <= weakest) return left;
    cursor.next();
    const right = parseTerms(cursor, parsers, strength);
    const op = token.text as MetricsOp;
    if (left.kind === 'number' && right.kind === 'number') {
      left = { kind: 'number', value: calculate(op, left.value, right.value), at: left.at };
    } else left = { kind: 'math', op, left, right, second: [], at: token.at };
  }
}

/** Arithmetic on two samples; divided by 0 there is none. */
export function calculate(op: MetricsOp, left: number, right: number): number {
  switch (op) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return right === 0 ? NaN : left / right;
  }
}

function parseTerm(cursor: Cursor, parsers: SpansetParsers): MetricsExpr {
  const { at } = cursor.token;
  if (!cursor.take('(')) {
    const minus = cursor.take('-');
    const token = cursor.next();
    if (token.type !== 'int' && token.type !== 'float') {
      throw cursor.fail('expected a metrics query in parentheses, or a number', token.at);
    }
    return { kind: 'number', value: (minus ? -1 : 1) * Number(token.value), at };
  }
  const inner = cursor.nested(() => {
    if (endsInMetrics(cursor)) {
      const pipeline = parsers.pipeline(cursor);
      if (!cursor.take('|')) throw cursor.unexpected('|');
      return parseMetrics(cursor, pipeline, parsers);
    }
    const terms = parseTerms(cursor, parsers, 0);
    return terms.kind === 'number' ? terms : { ...terms, second: [...terms.second, ...parseSecond(cursor)] };
  });
  cursor.expect(')');
  return inner;
}

/** Whether the metrics function of these parentheses stands in them and not in further ones. */
function endsInMetrics(cursor: Cursor): boolean {
  let depth = 0;
  for (let ahead = 0; cursor.peek(ahead).type !== 'end' && depth >= 0; ahead++) {
    const token = cursor.peek(ahead);
    if (token.type !== 'operator') continue;
    if (token.text === '(') depth++;
    else if (token.text === ')') depth--;
    else if (token.text === '|' && depth === 0 && isMetricsFunction(cursor.peek(ahead + 1))) return true;
  }
  return false;
}

/** The part of a metrics query after its pipeline. */
export function parseMetrics(cursor: Cursor, pipeline: Pipeline, parsers: SpansetParsers): MetricsSeries {
  const first = cursor.at('compare') ? parseCompare(cursor, parsers.filter) : parseAggregate(cursor);
  return { kind: 'series', pipeline, first, second: parseSecond(cursor) };
}

function parseSecond(cursor: Cursor): SecondStage[] {
  const second: SecondStage[] = [];
  for (;;) {
    if (cursor.take('|')) second.push(parseRanking(cursor));
    else if (['=', '!=', '<', '<=', '>', '>='].some((op) => cursor.at(op))) {
      const op = cursor.next().text as '=';
      second.push({ kind: 'filter', op, value: parseNumber(cursor) });
    } else return second;
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
    cursor.expect(',');
    do quantiles.push(parseQuantile(cursor));
    while (cursor.take(','));
  }
  cursor.expect(')', fn === 'quantile_over_time' ? ') or ,' : ')');
  const by = cursor.take('by') ? parseFieldList(cursor) : [];
  return { kind: 'aggregate', fn, operand, quantiles, by, at };
}

function parseQuantile(cursor: Cursor): number {
  const { token } = cursor;
  if (token.type !== 'int' && token.type !== 'float') throw cursor.unexpected('INTEGER or FLOAT');
  cursor.next();
  const quantile = Number(token.value);
  if (quantile > 1) throw invalidQuery(`quantile must be between 0 and 1: ${quantile}`);
  return quantile;
}

function parseCompare(cursor: Cursor, parseFilter: (cursor: Cursor) => SpansetFilter): MetricsCompare {
  const { at } = cursor.token;
  cursor.expect('compare');
  cursor.expect('(');
  const selection = parseFilter(cursor);
  const topN = cursor.take(',') ? parseInteger(cursor) : 10n;
  let window: MetricsCompare['window'] = null;
  if (cursor.take(',')) {
    const start = parseInteger(cursor);
    cursor.expect(',');
    window = compareWindow(start, parseInteger(cursor));
    cursor.expect(')');
  } else cursor.expect(')', ') or ,');
  if (topN < 1n) throw invalidQuery('compare() top number of values must be integer greater than 0');
  if (topN > 1000n) throw cursor.fail('compare() takes between 1 and 1000 values', at);
  return { kind: 'compare', selection, topN: Number(topN), window, at };
}

function compareWindow(start: bigint, end: bigint): MetricsCompare['window'] {
  if (start === 0n && end === 0n) return null;
  if (start === 0n || end === 0n)
    throw invalidQuery('compare() timestamps must be positive integer unix nanoseconds');
  if (end <= start) throw invalidQuery('compare() end timestamp must be greater than start timestamp');
  return { start, end };
}

function parseInteger(cursor: Cursor): bigint {
  const { token } = cursor;
  if (token.type !== 'int') throw cursor.unexpected('INTEGER');
  cursor.next();
  return token.value;
}

function parseRanking(cursor: Cursor): SecondStage {
  const { token } = cursor;
  if (token.text !== 'topk' && token.text !== 'bottomk') throw cursor.unexpected('topk or bottomk');
  cursor.next();
  cursor.expect('(');
  const limit = parseInteger(cursor);
  cursor.expect(')');
  if (limit === 0n) throw invalidQuery('limit must be greater than 0');
  return { kind: token.text, limit: Number(limit) };
}

/** A plain number; durations count in seconds, the unit of metrics on durations. */
function parseNumber(cursor: Cursor): number {
  const sign = cursor.take('-') ? -1 : 1;
  const { token } = cursor;
  if (token.type !== 'int' && token.type !== 'float' && token.type !== 'duration') throw cursor.unexpected();
  cursor.next();
  return (sign * Number(token.value)) / (token.type === 'duration' ? 1e9 : 1);
}

function requireField(cursor: Cursor): Field {
  const field = parseField(cursor);
  if (!field) throw cursor.unexpected();
  return field;
}

export function parseFieldList(cursor: Cursor): Field[] {
  cursor.expect('(');
  const fields = [requireField(cursor)];
  while (cursor.take(',')) fields.push(requireField(cursor));
  cursor.expect(')', ') or ,');
  return fields;
}
