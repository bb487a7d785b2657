import { QueryError } from '../../../lake/query-error.js';
import { fullMatch } from '../../text/re2.js';
import type { AttributeMap } from '../../attributes/typed-json.js';
import { fieldValue, isField, isMissing, type EntryScope } from '../model/field.js';
import type { Focus, Span, Trace } from '../model/span.js';
import {
  arithmetic,
  asNumber,
  bool,
  compare,
  groupKey,
  isNumeric,
  nil,
  no,
  yes,
  type Value,
} from '../model/value.js';
import { entryScopes, joinedScopes } from '../plan/entries.js';
import type { FieldExpr, Pipeline, PipelineElement, ScalarExpr, SpansetExpr } from '../syntax/ast.js';
import { exprText } from '../syntax/print.js';
import { relate } from './structural.js';

export interface Spanset {
  readonly spans: readonly Span[];
  /** What by() and aggregates found, in the order of the pipeline. */
  readonly attributes: readonly (readonly [string, Value])[];
}

type Evaluator = (span: Span) => Value;
type Stage = (input: readonly Spanset[]) => readonly Spanset[];

/** Prepares an expression for many spans. */
export function compileExpr(expr: FieldExpr): Evaluator {
  switch (expr.kind) {
    case 'static':
      return () => expr.value;
    case 'attribute':
    case 'intrinsic':
      return (span) => fieldValue(span, expr);
    case 'exists': {
      const { operand, negated } = expr;
      if (isField(operand)) return (span) => bool(isMissing(operand, fieldValue(span, operand)) === negated);
      const evaluate = compileExpr(operand);
      return (span) => bool((evaluate(span).type === 'nil') === negated);
    }
    case 'unary': {
      const operand = compileExpr(expr.operand);
      if (expr.op === '-') return (span) => arithmetic('-', { type: 'int', value: 0n }, operand(span));
      return (span) => {
        const value = operand(span);
        return bool(value.type === 'bool' ? !value.value : compare('=', value, no));
      };
    }
    case 'binary':
      return compileBinary(expr);
  }
}

function compileBinary(expr: Extract<FieldExpr, { kind: 'binary' }>): Evaluator {
  const { op } = expr;
  const [left, right] = [compileExpr(expr.left), compileExpr(expr.right)];
  switch (op) {
    case '&&':
      return (span) => bool(isTrue(left(span)) && isTrue(right(span)));
    case '||':
      return (span) => bool(isTrue(left(span)) || isTrue(right(span)));
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case '^':
      return (span) => arithmetic(op, left(span), right(span));
    default: {
      const pattern = expr.right.kind === 'static' ? expr.right.value : nil;
      const regex = op === '=~' || op === '!~';
      const matches = regex && pattern.type === 'string' ? fullMatch(pattern.value, 'any') : null;
      return (span) => bool(compare(op, left(span), right(span), matches));
    }
  }
}

/** Prepares the condition of a spanset filter. Its parts that speak of events, or of links, speak of one and the same. */
export function compileCondition(condition: FieldExpr): (span: Span) => boolean {
  const evaluate = compileExpr(condition);
  const scopes = joinedScopes(condition);
  if (scopes.size === 0) return (span) => isTrue(evaluate(span));
  return (span) => focusOn(span, scopes, evaluate) !== null;
}

/** Prepares what tells the event and link of a span by which it fulfilled one of the conditions. */
export function compileFocus(conditions: readonly FieldExpr[]): (span: Span) => Focus {
  const parts = conditions
    .map((condition) => ({ scopes: entryScopes(condition), evaluate: compileExpr(condition) }))
    .filter(({ scopes }) => scopes.size > 0);
  return (span) =>
    parts.reduceRight<Focus>(
      (focus, { scopes, evaluate }) => ({ ...focus, ...focusOn(span, scopes, evaluate) }),
      {},
    );
}

const maxPairs = 100_000;

/** One event and one link (or none where there are none) with which the expression is true; null when it never is. */
function focusOn(span: Span, scopes: ReadonlySet<EntryScope>, evaluate: Evaluator): Focus | null {
  const each = (entries: readonly AttributeMap[]) =>
    entries.length === 0 ? [[]] : entries.map((entry) => [entry]);
  const events = scopes.has('event') ? each(span.events) : [null];
  const links = scopes.has('link') ? each(span.links) : [null];
  if (events.length * links.length > maxPairs) {
    throw new QueryError('limit', `a span has more than ${maxPairs} pairs of an event and a link`);
  }
  for (const event of events) {
    for (const link of links) {
      const focus = { ...(event && { event }), ...(link && { link }) };
      if (span.focused(focus, () => isTrue(evaluate(span)))) return focus;
    }
  }
  return null;
}

/** Of an array or of several events one true value will do. */
export function isTrue(value: Value): boolean {
  return value.type === 'bool' ? value.value : compare('=', value, yes);
}

/** Prepares a pipeline; the result gives the spansets of a trace that pass it, none when the trace does not match. */
export function compilePipeline(pipeline: Pipeline): (trace: Trace) => readonly Spanset[] {
  const run = compileElements(pipeline.elements);
  return (trace) => run([{ spans: trace.spans, attributes: [] }]);
}

function compileElements(elements: readonly PipelineElement[]): Stage {
  const stages = elements.map(compileElement);
  return (input) => {
    let spansets = input;
    for (const stage of stages) {
      if (spansets.length === 0) return spansets;
      spansets = stage(spansets);
    }
    return spansets;
  };
}

function compileElement(element: PipelineElement): Stage {
  switch (element.kind) {
    case 'select':
      return (input) => input;
    case 'coalesce':
      return (input) => [{ spans: [...new Set(input.flatMap((set) => set.spans))], attributes: [] }];
    case 'by': {
      const operand = compileExpr(element.operand);
      const label = `by(${exprText(element.operand)})`;
      return (input) => input.flatMap((set) => groupBy(set, operand, label));
    }
    case 'scalar':
      return compileScalarFilter(element);
    default: {
      const spansets = compileSpansets(element);
      return (input) => input.flatMap((set) => spansets(set));
    }
  }
}

function groupBy(set: Spanset, operand: Evaluator, label: string): Spanset[] {
  const groups = new Map<string, { spans: Span[]; value: Value }>();
  for (const span of set.spans) {
    const value = operand(span);
    const key = groupKey(value);
    const group = groups.get(key);
    if (group) group.spans.push(span);
    else groups.set(key, { spans: [span], value });
  }
  return [...groups.values()].map(({ spans, value }) => ({
    spans,
    attributes: [...set.attributes, [label, value] as const],
  }));
}

/** Each spanset by itself; an operator joins what its two sides make of the same spanset. */
function compileSpansets(expr: SpansetExpr): (input: Spanset) => readonly Spanset[] {
  if (expr.kind === 'filter') {
    const condition = compileCondition(expr.condition);
    return (input) => {
      const spans = input.spans.filter(condition);
      return spans.length === 0 ? [] : [{ ...input, spans }];
    };
  }
  if (expr.kind === 'pipeline') {
    const run = compileElements(expr.pipeline.elements);
    return (input) => run([input]);
  }
  const [left, right] = [compileSpansets(expr.left), compileSpansets(expr.right)];
  const { op } = expr;
  return (input) => {
    const [a, b] = [left(input), right(input)];
    if (op === '&&' && (a.length === 0 || b.length === 0)) return [];
    if (op === '&&' || op === '||') {
      return nonEmpty(input, [...new Set([...a, ...b].flatMap((set) => set.spans))]);
    }
    if (a.length > 1 || b.length > 1) {
      throw new QueryError('bad_data', `${op} does not work on grouped spans; use coalesce() before it`);
    }
    return nonEmpty(input, relate(op, a[0]?.spans ?? [], b[0]?.spans ?? []));
  };
}

function nonEmpty(input: Spanset, spans: Span[]): Spanset[] {
  return spans.length === 0 ? [] : [{ ...input, spans }];
}

function compileScalarFilter(filter: Extract<PipelineElement, { kind: 'scalar' }>): Stage {
  const [left, right] = [compileScalar(filter.left), compileScalar(filter.right)];
  return (input) =>
    input.flatMap((set) => {
      const attributes = [...set.attributes];
      const holds = compare(filter.op, left(set, attributes), right(set, attributes));
      return holds ? [{ spans: set.spans, attributes }] : [];
    });
}

function compileScalar(expr: ScalarExpr): (set: Spanset, attributes: (readonly [string, Value])[]) => Value {
  if (expr.kind === 'static') return () => expr.value;
  if (expr.kind === 'arithmetic') {
    const [left, right] = [compileScalar(expr.left), compileScalar(expr.right)];
    return (set, attributes) => arithmetic(expr.op, left(set, attributes), right(set, attributes));
  }
  const operand = expr.operand ? compileExpr(expr.operand) : null;
  const label = `${expr.op}(${expr.operand ? exprText(expr.operand) : ''})`;
  return (set, attributes) => {
    const value = operand
      ? aggregate(expr.op, set.spans.map(operand))
      : ({ type: 'int', value: BigInt(set.spans.length) } as const);
    if (value.type !== 'nil') attributes.push([label, value]);
    return value;
  };
}

/** Spans without a number are left out; without any number there is no result. */
function aggregate(op: string, values: readonly Value[]): Value {
  const numbers = values.filter(isNumeric);
  const first = numbers[0];
  if (!first) return nil;
  if (op === 'min') return numbers.reduce((a, b) => (b.value < a.value ? b : a));
  if (op === 'max') return numbers.reduce((a, b) => (b.value > a.value ? b : a));
  const sum = numbers.reduce<Value>((a, b) => arithmetic('+', a, b), { type: 'int', value: 0n });
  if (op === 'sum') return sum;
  const mean = (asNumber(sum) ?? 0) / numbers.length;
  return sum.type === 'duration'
    ? { type: 'duration', value: BigInt(Math.round(mean)) }
    : { type: 'float', value: mean };
}
