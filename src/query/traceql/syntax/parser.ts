import { QueryError } from '../../../lake/query-error.js';
import type { ArithmeticOp, Value } from '../model/value.js';
import type {
  AggregateOp,
  MetricsQuery,
  Pipeline,
  PipelineElement,
  Query,
  ScalarExpr,
  ScalarFilter,
  SpansetExpr,
  SpansetOperation,
  SpansetQuery,
} from './ast.js';
import { Cursor } from './cursor.js';
import type { Token } from './token.js';
import { negate, parseField, parseFieldExpr, parseStatic } from './fields.js';
import {
  isMetricsFunction,
  isMetricsMath,
  parseFieldList,
  parseMetrics,
  parseMetricsMath,
} from './metrics.js';
import { validate } from './check.js';

const aggregates: ReadonlySet<string> = new Set<AggregateOp>(['count', 'avg', 'max', 'min', 'sum']);
const scalarComparisons: ReadonlySet<string> = new Set(['=', '!=', '<', '<=', '>', '>=']);
const structural: ReadonlySet<string> = new Set([
  ...['>', '>>', '<', '<<', '~', '!>', '!>>', '!<', '!<<', '!~', '&>', '&>>', '&<', '&<<', '&~'],
]);
const scalarPower: Record<ArithmeticOp, number> = { '+': 1, '-': 1, '*': 2, '/': 2, '%': 2, '^': 3 };

/**
 * Parses and checks a TraceQL query. Precedence and the forms accepted are Tempo's. The Lezer grammar of
 * Grafana's editor is no substitute: it gives all field operators one precedence and does not know
 * nestedSet fields, hints, compound durations or filters on metrics.
 * Throws QueryError with the position of the mistake.
 */
export function parseQuery(text: string): Query {
  const cursor = new Cursor(text);
  if (cursor.done)
    throw new QueryError('bad_data', 'invalid TraceQL query: parse error : syntax error: unexpected $end');
  const body = parseBody(cursor);
  const hints = parseHints(cursor);
  if (!cursor.done) throw cursor.unexpected('with');
  const query: Query = { ...body, hints };
  validate(text, query);
  return query;
}

/** As `parseQuery`, of a query that finds spans. */
export function parseSpansetQuery(text: string): SpansetQuery {
  const query = parseQuery(text);
  if (query.kind === 'spansets') return query;
  throw new QueryError('bad_data', 'this is a metrics query; send it to /api/metrics/query_range');
}

/** As `parseQuery`, of a query that gives series. */
export function parseMetricsQuery(text: string): MetricsQuery {
  const query = parseQuery(text);
  if (query.kind === 'metrics') return query;
  throw new QueryError('bad_data', 'not a metrics query: it needs a function such as | rate()');
}

function parseBody(cursor: Cursor): Omit<SpansetQuery, 'hints'> | Omit<MetricsQuery, 'hints'> {
  const parsers = { pipeline: parsePipeline, filter: parseFilter };
  if (isMetricsMath(cursor)) return { kind: 'metrics', metrics: parseMetricsMath(cursor, parsers) };
  const pipeline = parsePipeline(cursor);
  if (!cursor.take('|')) return { kind: 'spansets', pipeline };
  return { kind: 'metrics', metrics: parseMetrics(cursor, pipeline, parsers) };
}

/** Stops before `| rate()` and the like, which only the outermost pipeline may have. */
function parsePipeline(cursor: Cursor): Pipeline {
  if (!startsPipeline(cursor.token)) throw cursor.unexpected();
  const elements = [parseElement(cursor, true)];
  while (cursor.at('|') && !isMetricsFunction(cursor.peek(1))) {
    cursor.next();
    if (!startsPipeline(cursor.token) && !cursor.at('coalesce')) throw cursor.unexpected();
    elements.push(parseElement(cursor, false));
  }
  return { elements };
}

const openers = new Set(['{', '(', '-', 'by', 'select', ...aggregates]);

function startsPipeline({ type, text }: Token): boolean {
  return (
    type === 'int' || type === 'float' || type === 'duration' || (type !== 'string' && openers.has(text))
  );
}

function parseElement(cursor: Cursor, first: boolean): PipelineElement {
  const { at } = cursor.token;
  if (cursor.at('by') && cursor.peek(1).text === '(') {
    cursor.next();
    cursor.expect('(');
    const operand = parseFieldExpr(cursor);
    cursor.expect(')', '');
    return { kind: 'by', operand, at };
  }
  if (cursor.at('select') && cursor.peek(1).text === '(') {
    cursor.next();
    return { kind: 'select', fields: parseFieldList(cursor), at };
  }
  if (!first && cursor.take('coalesce')) {
    cursor.expect('(');
    cursor.expect(')');
    return { kind: 'coalesce', at };
  }
  return startsScalar(cursor) ? parseScalarFilter(cursor) : parseSpansets(cursor, 0);
}

/** Whether this element compares scalars: behind any parentheses stands an aggregate or a number. */
function startsScalar(cursor: Cursor): boolean {
  let ahead = 0;
  while (cursor.peek(ahead).text === '(') ahead++;
  const token = cursor.peek(ahead);
  const number = token.type === 'int' || token.type === 'float' || token.type === 'duration';
  if (!number && token.text !== '-' && !(token.type === 'word' && aggregates.has(token.text))) return false;
  if (ahead === 0) return true;
  const start = cursor.index;
  try {
    parseScalarFilter(cursor);
    return true;
  } catch {
    return false;
  } finally {
    cursor.reset(start);
  }
}

function parseFilter(cursor: Cursor) {
  const { at } = cursor.token;
  cursor.expect('{');
  if (cursor.take('}')) {
    return {
      kind: 'filter',
      condition: { kind: 'static', value: { type: 'bool', value: true }, at },
      at,
    } as const;
  }
  const condition = parseFieldExpr(cursor);
  cursor.expect('}', '');
  return { kind: 'filter', condition, at } as const;
}

function parseSpansets(cursor: Cursor, weakest: number): SpansetExpr {
  let left = parseSpanset(cursor);
  for (;;) {
    const { token } = cursor;
    if (token.type !== 'operator') return left;
    const strength = structural.has(token.text) ? 2 : token.text === '&&' || token.text === '||' ? 1 : 0;
    if (strength <= weakest) return left;
    cursor.next();
    const right = parseSpansets(cursor, strength);
    left = { kind: 'operation', op: token.text as SpansetOperation['op'], left, right, at: token.at };
  }
}

function parseSpanset(cursor: Cursor): SpansetExpr {
  const { at } = cursor.token;
  if (cursor.at('{')) return parseFilter(cursor);
  if (!cursor.take('(')) throw cursor.unexpected('{ or (');
  const pipeline = cursor.nested(() => parsePipeline(cursor));
  cursor.expect(')', pipeline.elements.length > 1 ? ') or |' : '');
  const only = pipeline.elements[0];
  if (pipeline.elements.length === 1 && (only?.kind === 'filter' || only?.kind === 'operation')) return only;
  return { kind: 'pipeline', pipeline, at };
}

function parseScalarFilter(cursor: Cursor): ScalarFilter {
  const left = parseScalar(cursor, 0);
  const { token } = cursor;
  if (!scalarComparisons.has(token.text)) throw cursor.unexpected();
  cursor.next();
  const right = parseScalar(cursor, 0);
  return { kind: 'scalar', op: token.text as ScalarFilter['op'], left, right, at: token.at };
}

function parseScalar(cursor: Cursor, weakest: number): ScalarExpr {
  let left = parseScalarOperand(cursor);
  for (;;) {
    const { token } = cursor;
    if (token.type !== 'operator' || !(token.text in scalarPower)) return left;
    const op = token.text as ArithmeticOp;
    const strength = scalarPower[op];
    if (strength <= weakest) return left;
    cursor.next();
    const right = cursor.nested(() => parseScalar(cursor, op === '^' ? strength - 1 : strength));
    left = { kind: 'arithmetic', op, left, right, at: token.at };
  }
}

function parseScalarOperand(cursor: Cursor): ScalarExpr {
  const { token } = cursor;
  if (cursor.take('(')) {
    const inner = cursor.nested(() => parseScalar(cursor, 0));
    cursor.expect(')', '');
    return inner;
  }
  if (token.type === 'word' && aggregates.has(token.text)) {
    cursor.next();
    cursor.expect('(');
    const op = token.text as AggregateOp;
    const operand = op === 'count' ? null : parseFieldExpr(cursor);
    cursor.expect(')', operand ? '' : ')');
    return { kind: 'aggregate', op, operand, at: token.at };
  }
  const minus = cursor.take('-');
  const number = cursor.token;
  const value = parseStatic(cursor);
  const signed = value && minus ? negate(value) : value;
  if (!signed || !['int', 'float', 'duration'].includes(signed.type)) throw cursor.unexpected('', number);
  return { kind: 'static', value: signed, at: token.at };
}

/** `with(sample=true, ...)` at the end of a query. Hints tune Tempo's execution; here only that on exemplars changes an answer. */
function parseHints(cursor: Cursor): Map<string, Value> {
  const hints = new Map<string, Value>();
  while (cursor.take('with')) {
    cursor.expect('(');
    do {
      if (cursor.token.type !== 'word') throw cursor.unexpected('IDENTIFIER');
      const name = cursor.next();
      cursor.expect('=');
      const value = parseStatic(cursor);
      if (!value) throw cursor.unexpected();
      hints.set(name.text, value);
    } while (cursor.take(','));
    cursor.expect(')', ') or ,');
  }
  return hints;
}

/** A field name as in the path of the tag value endpoints; null when it is none. */
export function parseFieldName(text: string) {
  try {
    const cursor = new Cursor(text);
    const field = parseField(cursor);
    return field && cursor.done ? field : null;
  } catch {
    return null;
  }
}
