import { literal } from '../../sql/literal.js';
import { atLeast, exactly, and, or, type Fragment } from '../../sql/fragment.js';
import { sqlRegex } from '../../text/re2.js';
import { entriesOf, fieldSource, isField, type EntryScope, type Field } from '../model/field.js';
import type { Source } from '../model/source.js';
import type { ComparisonOp, Value } from '../model/value.js';
import type { FieldExpr } from '../syntax/ast.js';
import { joinedScopes } from './entries.js';

const everything = exactly('TRUE');
const nothing = exactly('FALSE');
/** What SQL can't say: any row may match. */
const unknown = atLeast('TRUE');

/** The condition of a spanset filter in SQL, as much of it as SQL can say. Never excludes a matching span. */
export function filterSql(expr: FieldExpr): Fragment {
  return conditionSql(expr, joinedScopes(expr));
}

/** `joined`: the scopes whose parts are asked of one and the same event or link, which SQL does not say. */
type Joined = ReadonlySet<EntryScope>;

function conditionSql(expr: FieldExpr, joined: Joined): Fragment {
  switch (expr.kind) {
    case 'static': {
      const holds = expr.value.type === 'bool' && expr.value.value;
      return holds ? everything : nothing;
    }
    case 'attribute':
    case 'intrinsic':
      return comparison(expr, '=', { type: 'bool', value: true }, joined);
    case 'exists':
      return existence(expr, joined);
    case 'unary':
      return expr.op === '!' ? negation(expr.operand, joined) : unknown;
    case 'binary':
      return binary(expr, joined);
  }
}

/** SQL's NOT of NULL is NULL, so an absent attribute must first become false. */
function negation(operand: FieldExpr, joined: Joined): Fragment {
  if (isField(operand)) {
    return comparison(operand, '=', { type: 'bool', value: false }, joined);
  }
  const inner = conditionSql(operand, joined);
  return inner.exact ? exactly(`NOT coalesce((${inner.sql}), false)`) : unknown;
}

function binary(expr: Extract<FieldExpr, { kind: 'binary' }>, joined: Joined): Fragment {
  const { op, left, right } = expr;
  switch (op) {
    case '&&':
    case '||': {
      const parts = operands(expr, op).map((part) => conditionSql(part, joined));
      const sql = (op === '&&' ? and : or)(parts.map((part) => part.sql));
      return parts.every((part) => part.exact) ? exactly(sql) : atLeast(sql);
    }
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case '^':
      return unknown;
    default:
      if (isField(left) && right.kind === 'static') return comparison(left, op, right.value, joined);
      if (isField(right) && left.kind === 'static' && op !== '=~' && op !== '!~') {
        return comparison(right, flipped[op], left.value, joined);
      }
      return unknown;
  }
}

/** Long chains stay flat: deep nesting would exceed what DuckDB's parser allows. */
export function operands(expr: FieldExpr, op: '&&' | '||'): FieldExpr[] {
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

function existence(expr: Extract<FieldExpr, { kind: 'exists' }>, joined: Joined): Fragment {
  if (!isField(expr.operand)) return unknown;
  const source = fieldSource(expr.operand);
  const not = expr.negated ? 'NOT ' : '';
  switch (source.kind) {
    case 'text':
      if (source.nullable) return exactly(`${not}coalesce(${source.column} <> '', false)`);
      return expr.negated ? nothing : everything;
    case 'number':
    case 'enum':
      return expr.negated ? nothing : everything;
    case 'optional':
      return exactly(`${source.column} IS ${expr.negated ? '' : 'NOT '}NULL`);
    case 'json':
      return exactly(`${not}coalesce(${source.json} <> 'null', false)`);
    case 'each': {
      const sql = `${not}(${some(source.list, `json_type(e) <> 'NULL'`)})`;
      if (!isJoined(expr.operand, joined)) return exactly(sql);
      return expr.negated ? unknown : atLeast(sql);
    }
    case 'none':
      return unknown;
  }
}

function isJoined(field: Field, joined: Joined): boolean {
  const scope = entriesOf(field);
  return scope !== null && joined.has(scope);
}

function comparison(field: Field, op: ComparisonOp, value: Value, joined: Joined): Fragment {
  const root = nestedSetRoot(field, op, value);
  if (root) return root;
  const source = fieldSource(field);
  switch (source.kind) {
    case 'text':
      return value.type === 'string' ? textSql(source, op, value.value) : nothing;
    case 'optional': {
      if (value.type !== 'string') return nothing;
      return exactly(textCondition(source.column, op, value.value));
    }
    case 'number': {
      const sql = numberCondition(source.column, op, value);
      return sql === null ? nothing : exactly(sql);
    }
    case 'enum': {
      if (value.type !== source.type) return nothing;
      return exactly(`coalesce(${source.column}, 0) ${sqlOp[op]} ${value.value}`);
    }
    case 'json':
      return jsonSql(source, op, value);
    case 'each':
      return (isJoined(field, joined) ? atLeast : exactly)(
        `${prefilter([source.text], null, op, value)}${some(source.list, scalarOrArray('e::VARCHAR', null, op, value))}`,
      );
    case 'none':
      return unknown;
  }
}

/** `nestedSetParent < 0` is how Grafana asks for root spans. */
function nestedSetRoot(field: Field, op: ComparisonOp, value: Value): Fragment | null {
  if (field.kind !== 'intrinsic' || field.name !== 'nestedSetParent' || value.type !== 'int') return null;
  const root = (op === '<' && value.value === 0n) || ((op === '=' || op === '<=') && value.value === -1n);
  return root ? exactly('parent_span_id IS NULL') : null;
}

const sqlOp: Record<ComparisonOp, string> = {
  ...{ '=': '=', '!=': '<>', '<': '<', '<=': '<=', '>': '>', '>=': '>=' },
  ...{ '=~': '=', '!~': '<>' },
};

export function isComparison(op: string): op is ComparisonOp {
  return Object.hasOwn(sqlOp, op);
}

function textSql(source: { column: string }, op: ComparisonOp, value: string): Fragment {
  const plain = op === '=' && value !== '';
  const column = plain ? source.column : `coalesce(${source.column}, '')`;
  return exactly(textCondition(column, op, value));
}

export function textCondition(column: string, op: ComparisonOp, value: string): string {
  if (op === '=~' || op === '!~') {
    return `${op === '!~' ? 'NOT ' : ''}regexp_full_match(${column}, ${literal(sqlRegex(value, 'any'))})`;
  }
  return `${column} ${sqlOp[op]} ${literal(value)}`;
}

function numberCondition(column: string, op: ComparisonOp, value: Value): string | null {
  if (value.type !== 'int' && value.type !== 'float' && value.type !== 'duration') return null;
  return `${column} ${sqlOp[op]} ${literal(value.value)}`;
}

function jsonSql(source: Extract<Source, { kind: 'json' }>, op: ComparisonOp, value: Value): Fragment {
  const condition = scalarOrArray(source.json, source.list, op, value);
  // An empty string is NULL in the column, and an array its text, of which an element may match.
  const prunes =
    source.hint !== null &&
    op === '=' &&
    (value.type === 'int' || (value.type === 'string' && value.value !== ''));
  const equal = `${source.hint} = ${literal('value' in value ? String(value.value) : '')}`;
  const hint = prunes ? `(${equal} OR (${source.hint} >= '[' AND ${source.hint} < '\\')) AND ` : '';
  return exactly(`${hint}${prefilter(source.texts, source.column, op, value)}${condition}`);
}

const writtenAsIs = /^[\w .:@-]+$/;

/** The values of the span's own attributes that a condition demands, as JSON text by key: not all of them. */
export function neededValues(condition: FieldExpr): Map<string, string> {
  const needed = new Map<string, string>();
  for (const part of operands(condition, '&&')) {
    if (part.kind !== 'binary' || part.op !== '=') continue;
    const { left, right } = isField(part.right) ? { left: part.right, right: part.left } : part;
    if (left.kind !== 'attribute' || left.scope !== 'span' || left.parent) continue;
    if (right.kind !== 'static' || right.value.type !== 'string') continue;
    if (writtenAsIs.test(right.value.value)) needed.set(left.name, `"${right.value.value}"`);
  }
  return needed;
}

/** The same of several conditions, all of which hold. */
export function neededByAll(conditions: readonly FieldExpr[]): Map<string, string> {
  return new Map(conditions.flatMap((condition) => [...neededValues(condition)]));
}

/**
 * Looking for a string in a text is many times cheaper than parsing the text as JSON. Only for strings that
 * JSON writes as they are.
 */
function prefilter(texts: readonly string[], column: string | null, op: ComparisonOp, value: Value): string {
  if (op !== '=' || value.type !== 'string' || !writtenAsIs.test(value.value)) return '';
  const quoted = literal(`"${value.value}"`);
  const found = texts.map((text) => `contains(${text}, ${quoted})`);
  if (column) found.push(`${column} = ${literal(value.value)}`);
  return `(${found.join(' OR ')}) AND `;
}

/**
 * Arrays match when any element does; for the negative operators when all do. `json`: JSON text, VARCHAR; `list`: the same,
 * NULL where it is no array.
 */
function scalarOrArray(json: string, list: string | null, op: ComparisonOp, value: Value): string {
  const scalar = scalarCondition(json, op, value);
  const element = scalarCondition('x::VARCHAR', op, value);
  if (scalar === null || element === null) return 'false';
  const elements = `json_extract(${list ?? json}, '$[*]')`;
  const array =
    op === '!=' || op === '!~'
      ? `len(list_filter(${elements}, lambda x: coalesce(${element}, false))) = len(${elements})`
      : some(elements, element, 'x');
  return `(${scalar} OR (${list === null ? `starts_with(${json}, '[')` : `${list} IS NOT NULL`} AND ${array}))`;
}

function some(list: string, condition: string, name = 'e'): string {
  return `coalesce(len(list_filter(${list}, lambda ${name}: coalesce(${condition}, false))), 0) > 0`;
}

/** Types must fit: the string "200" is not the number 200. What type JSON text is its first character tells. */
function scalarCondition(json: string, op: ComparisonOp, value: Value): string | null {
  const text = `(${json}->>'$')`;
  switch (value.type) {
    case 'string':
      if (op === '=') return `(${json} = ${jsonString(value.value)})`;
      if (op === '!=') return `(${json} <> ${jsonString(value.value)} AND starts_with(${json}, '"'))`;
      return `(starts_with(${json}, '"') AND ${textCondition(text, op, value.value)})`;
    case 'bool':
      return `(${json} ${sqlOp[op]} '${value.value}' AND ${json} IN ('true', 'false'))`;
    case 'int':
    case 'duration':
    case 'float': {
      // 64-bit integers do not survive a cast to double, doubles not one to integer.
      const exact = `TRY_CAST(${json} AS HUGEINT) ${sqlOp[op]} ${literal(value.value)}`;
      const double = `TRY_CAST(${json} AS DOUBLE) ${sqlOp[op]} ${literal(value.value)}`;
      return (
        `CASE json_type(${json}) WHEN 'UBIGINT' THEN ${exact} WHEN 'BIGINT' THEN ${exact}` +
        ` WHEN 'DOUBLE' THEN ${double} ELSE false END`
      );
    }
    default:
      return null;
  }
}

/** As DuckDB writes it. */
function jsonString(value: string): string {
  return writtenAsIs.test(value) ? literal(`"${value}"`) : `to_json(${literal(value)})::VARCHAR`;
}
