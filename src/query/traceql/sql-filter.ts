import type { ComparisonOp, Field, FieldExpr, Pipeline, PipelineElement, SpansetExpr, Value } from './ast.js';
import { dotAll, Matcher } from './regex.js';
import { fieldSource, type Source } from './sql-field.js';
import { literal } from '../sql/literal.js';
import { compare, text } from './value.js';

/** A condition on one row of `lake.spans`. When not exact, it also holds for rows that do not match. */
export interface SqlFilter {
  readonly sql: string;
  readonly exact: boolean;
}

const everything: SqlFilter = { sql: 'true', exact: true };
const unknown: SqlFilter = { sql: 'true', exact: false };

/** The condition of a spanset filter in SQL, as much of it as SQL can say. Never excludes a matching span. */
export function filterSql(expr: FieldExpr): SqlFilter {
  switch (expr.kind) {
    case 'static': {
      const holds = expr.value.type === 'bool' && expr.value.value;
      return holds ? everything : { sql: 'false', exact: true };
    }
    case 'attribute':
    case 'intrinsic':
      return comparison(expr, '=', { type: 'bool', value: true });
    case 'exists':
      return existence(expr);
    case 'unary':
      return expr.op === '!' ? negation(expr.operand) : unknown;
    case 'binary':
      return binary(expr);
  }
}

/** SQL's NOT of NULL is NULL, so an absent attribute must first become false. */
function negation(operand: FieldExpr): SqlFilter {
  if (operand.kind === 'attribute' || operand.kind === 'intrinsic') {
    return comparison(operand, '=', { type: 'bool', value: false });
  }
  const inner = filterSql(operand);
  return inner.exact ? { sql: `NOT coalesce((${inner.sql}), false)`, exact: true } : unknown;
}

function binary(expr: Extract<FieldExpr, { kind: 'binary' }>): SqlFilter {
  const { op, left, right } = expr;
  switch (op) {
    case '&&':
    case '||': {
      const parts = operands(expr, op).map(filterSql);
      const joined = parts.map((part) => `(${part.sql})`).join(op === '&&' ? ' AND ' : ' OR ');
      return { sql: joined, exact: parts.every((part) => part.exact) };
    }
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case '^':
      return unknown;
    default:
      if (isField(left) && right.kind === 'static') return comparison(left, op, right.value);
      if (isField(right) && left.kind === 'static' && op !== '=~' && op !== '!~') {
        return comparison(right, flipped[op], left.value);
      }
      return unknown;
  }
}

/** Long chains stay flat: deep nesting would exceed what DuckDB's parser allows. */
function operands(expr: FieldExpr, op: '&&' | '||'): FieldExpr[] {
  const out: FieldExpr[] = [];
  let at = expr;
  while (at.kind === 'binary' && at.op === op) {
    out.unshift(at.right);
    at = at.left;
  }
  out.unshift(at);
  return out;
}

const flipped = { '=': '=', '!=': '!=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const;

function isField(expr: FieldExpr): expr is Field {
  return expr.kind === 'attribute' || expr.kind === 'intrinsic';
}

function existence(expr: Extract<FieldExpr, { kind: 'exists' }>): SqlFilter {
  if (!isField(expr.operand)) return unknown;
  const source = fieldSource(expr.operand);
  const not = expr.negated ? 'NOT ' : '';
  switch (source.kind) {
    case 'text':
      if (source.nullable) return { sql: `${not}coalesce(${source.column} <> '', false)`, exact: true };
      return { sql: expr.negated ? 'false' : 'true', exact: true };
    case 'number':
    case 'enum':
      return { sql: expr.negated ? 'false' : 'true', exact: true };
    case 'optional':
      return { sql: `${source.column} IS ${expr.negated ? '' : 'NOT '}NULL`, exact: true };
    case 'json':
      return { sql: `${not}coalesce(json_type(${source.json}) <> 'NULL', false)`, exact: true };
    case 'each':
      return { sql: `${not}(${some(source.list, `json_type(e) <> 'NULL'`)})`, exact: true };
    case 'none':
      return unknown;
  }
}

function comparison(field: Field, op: ComparisonOp, value: Value): SqlFilter {
  const root = nestedSetRoot(field, op, value);
  if (root) return root;
  const source = fieldSource(field);
  const nothing: SqlFilter = { sql: 'false', exact: true };
  switch (source.kind) {
    case 'text':
      return value.type === 'string' ? textSql(source, op, value.value) : nothing;
    case 'optional': {
      if (value.type !== 'string') return nothing;
      return { sql: textCondition(source.column, op, value.value), exact: true };
    }
    case 'number': {
      const sql = numberCondition(source.column, op, value);
      return sql === null ? nothing : { sql, exact: true };
    }
    case 'enum': {
      if (value.type !== source.type) return nothing;
      return { sql: `coalesce(${source.column}, 0) ${sqlOp[op]} ${value.value}`, exact: true };
    }
    case 'json':
      return jsonSql(source, op, value);
    case 'each':
      return {
        sql: `${prefilter([source.text], null, op, value)}${some(source.list, scalarOrArray('e', op, value))}`,
        exact: true,
      };
    case 'none':
      return unknown;
  }
}

/** `nestedSetParent < 0` is how Grafana asks for root spans. */
function nestedSetRoot(field: Field, op: ComparisonOp, value: Value): SqlFilter | null {
  if (field.kind !== 'intrinsic' || field.name !== 'nestedSetParent' || value.type !== 'int') return null;
  const root = (op === '<' && value.value === 0n) || ((op === '=' || op === '<=') && value.value === -1n);
  return root ? { sql: 'parent_span_id IS NULL', exact: true } : null;
}

const sqlOp: Record<ComparisonOp, string> = {
  ...{ '=': '=', '!=': '<>', '<': '<', '<=': '<=', '>': '>', '>=': '>=' },
  ...{ '=~': '=', '!~': '<>' },
};

function textSql(source: { column: string }, op: ComparisonOp, value: string): SqlFilter {
  const plain = op === '=' && value !== '';
  const column = plain ? source.column : `coalesce(${source.column}, '')`;
  return { sql: textCondition(column, op, value), exact: true };
}

function textCondition(column: string, op: ComparisonOp, value: string): string {
  if (op === '=~' || op === '!~') {
    return `${op === '!~' ? 'NOT ' : ''}regexp_full_match(${column}, ${literal(dotAll(value))})`;
  }
  return `${column} ${sqlOp[op]} ${literal(value)}`;
}

function numberCondition(column: string, op: ComparisonOp, value: Value): string | null {
  if (value.type !== 'int' && value.type !== 'float' && value.type !== 'duration') return null;
  return `${column} ${sqlOp[op]} ${literal(value.value)}`;
}

function jsonSql(source: Extract<Source, { kind: 'json' }>, op: ComparisonOp, value: Value): SqlFilter {
  const condition = scalarOrArray(source.json, op, value);
  // An empty string is NULL in the column, and an array its text, of which an element may match.
  const prunes =
    source.hint !== null &&
    op === '=' &&
    (value.type === 'int' || (value.type === 'string' && value.value !== ''));
  const equal = `${source.hint} = ${literal('value' in value ? String(value.value) : '')}`;
  const hint = prunes ? `(${equal} OR (${source.hint} >= '[' AND ${source.hint} < '\\')) AND ` : '';
  return { sql: `${hint}${prefilter(source.texts, source.column, op, value)}${condition}`, exact: true };
}

/**
 * Looking for a string in a text is many times cheaper than parsing the text as JSON. Only for strings that
 * JSON writes as they are.
 */
function prefilter(texts: readonly string[], column: string | null, op: ComparisonOp, value: Value): string {
  if (op !== '=' || value.type !== 'string' || !/^[\w .:@-]+$/.test(value.value)) return '';
  const quoted = literal(`"${value.value}"`);
  const found = texts.map((text) => `contains(${text}, ${quoted})`);
  if (column) found.push(`${column} = ${literal(value.value)}`);
  return `(${found.join(' OR ')}) AND `;
}

/** Arrays match when any element does; for the negative operators when all do. */
function scalarOrArray(json: string, op: ComparisonOp, value: Value): string {
  const scalar = scalarCondition(json, op, value);
  const element = scalarCondition('x', op, value);
  if (scalar === null || element === null) return 'false';
  const elements = `json_extract(${json}, '$[*]')`;
  const array =
    op === '!=' || op === '!~'
      ? `len(list_filter(${elements}, lambda x: coalesce(${element}, false))) = len(${elements})`
      : some(elements, element, 'x');
  // The text of an array starts with a bracket: a cheap test before the type is asked for.
  return `(${scalar} OR (starts_with(${json}->>'$', '[') AND json_type(${json}) = 'ARRAY' AND ${array}))`;
}

function some(list: string, condition: string, name = 'e'): string {
  return `coalesce(len(list_filter(${list}, lambda ${name}: coalesce(${condition}, false))), 0) > 0`;
}

/** Types must fit: the string "200" is not the number 200. */
function scalarCondition(json: string, op: ComparisonOp, value: Value): string | null {
  const text = `(${json}->>'$')`;
  switch (value.type) {
    case 'string':
      return `(${textCondition(text, op, value.value)} AND json_type(${json}) = 'VARCHAR')`;
    case 'bool':
      return `(${text} ${sqlOp[op]} '${value.value}' AND json_type(${json}) = 'BOOLEAN')`;
    case 'int':
    case 'duration':
    case 'float': {
      // 64-bit integers do not survive a cast to double, doubles not one to integer.
      const exact = `TRY_CAST(${text} AS HUGEINT) ${sqlOp[op]} ${literal(value.value)}`;
      const double = `TRY_CAST(${text} AS DOUBLE) ${sqlOp[op]} ${literal(value.value)}`;
      return (
        `CASE json_type(${json}) WHEN 'UBIGINT' THEN ${exact} WHEN 'BIGINT' THEN ${exact}` +
        ` WHEN 'DOUBLE' THEN ${double} ELSE false END`
      );
    }
    default:
      return null;
  }
}

/** Conditions of which a trace must hold a span each. */
export type TraceCondition =
  | {
      readonly kind: 'some';
      readonly filter: SqlFilter;
      readonly extra: readonly SqlFilter[];
      /** So many spans must fulfil the filter. */
      readonly atLeast: number;
    }
  | { readonly kind: 'all' | 'any'; readonly parts: readonly TraceCondition[] };

/** What a trace needs so that the pipeline may give it; necessary, hardly ever sufficient. */
export function traceCondition(pipeline: Pipeline): TraceCondition {
  const parts = pipeline.elements.flatMap((element, i): TraceCondition[] => {
    if (element.kind !== 'filter' && element.kind !== 'operation' && element.kind !== 'pipeline') return [];
    const condition = spansetCondition(element);
    const atLeast = leastCount(pipeline.elements[i + 1]);
    return condition.kind === 'some' && i === 0 ? [{ ...condition, atLeast }] : [condition];
  });
  return parts.length === 1 && parts[0] ? parts[0] : { kind: 'all', parts };
}

/** What `count() > 3` and the like demand of the spanset before them. */
function leastCount(element: PipelineElement | undefined): number {
  if (element?.kind !== 'scalar' || element.right.kind !== 'static' || element.right.value.type !== 'int')
    return 1;
  if (element.left.kind !== 'aggregate' || element.left.op !== 'count') return 1;
  const bound = Number(element.right.value.value);
  const least = element.op === '>' ? bound + 1 : element.op === '>=' || element.op === '=' ? bound : 1;
  return Math.max(1, least);
}

function spansetCondition(expr: SpansetExpr): TraceCondition {
  if (expr.kind === 'pipeline') return traceCondition(expr.pipeline);
  if (expr.kind === 'filter') {
    return {
      kind: 'some',
      filter: filterSql(expr.condition),
      extra: rootConditions(expr.condition),
      atLeast: 1,
    };
  }
  const right = spansetCondition(expr.right);
  // A negated relation also holds when nothing matches the left side.
  if (expr.op.startsWith('!')) return right;
  return { kind: expr.op === '||' ? 'any' : 'all', parts: [spansetCondition(expr.left), right] };
}

/** Conditions on the trace's root that every match implies: some span must be a root that fits. */
function rootConditions(condition: FieldExpr): SqlFilter[] {
  const columns: Partial<Record<string, string>> = { rootName: 'span_name', rootServiceName: 'service_name' };
  return operands(condition, '&&').flatMap((part) => {
    if (part.kind !== 'binary' || part.left.kind !== 'intrinsic' || part.right.kind !== 'static') return [];
    const column = columns[part.left.name];
    const { value } = part.right;
    if (column === undefined || value.type !== 'string' || !(part.op in sqlOp)) return [];
    // A trace without a root fits as well when an empty name does.
    const op = part.op as ComparisonOp;
    const matcher = op === '=~' || op === '!~' ? new Matcher(value.value) : null;
    if (compare(op, text(''), value, matcher)) return [];
    const sql = textCondition(`coalesce(${column}, '')`, part.op as ComparisonOp, value.value);
    return [{ sql: `(parent_span_id IS NULL AND ${sql})`, exact: false }];
  });
}
