import { atLeast, type Fragment } from '../../sql/fragment.js';
import { fullMatch } from '../../text/re2.js';
import { intrinsics } from '../model/intrinsics.js';
import { compare, text } from '../model/value.js';
import type { FieldExpr, Pipeline, PipelineElement, SpansetExpr } from '../syntax/ast.js';
import { filterSql, isComparison, neededValues, operands, textCondition } from './filter.js';

/** Conditions of which a trace must hold a span each. */
export type TraceCondition =
  | {
      readonly kind: 'some';
      readonly filter: Fragment;
      readonly extra: readonly Fragment[];
      /** Values that each such span has (`neededValues`). */
      readonly needed: ReadonlyMap<string, string>;
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
      needed: neededValues(expr.condition),
      atLeast: 1,
    };
  }
  const right = spansetCondition(expr.right);
  // A negated relation also holds when nothing matches the left side.
  if (expr.op.startsWith('!')) return right;
  return { kind: expr.op === '||' ? 'any' : 'all', parts: [spansetCondition(expr.left), right] };
}

/** Conditions on the trace's root that every match implies: some span must be a root that fits. */
function rootConditions(condition: FieldExpr): Fragment[] {
  return operands(condition, '&&').flatMap((part) => {
    if (part.kind !== 'binary' || part.left.kind !== 'intrinsic' || part.right.kind !== 'static') return [];
    const column = intrinsics[part.left.name].rootColumn;
    const { value } = part.right;
    if (column === undefined || value.type !== 'string' || !isComparison(part.op)) return [];
    const { op } = part;
    // A trace without a root fits as well when an empty name does.
    const matches = op === '=~' || op === '!~' ? fullMatch(value.value, 'any') : null;
    if (compare(op, text(''), value, matches)) return [];
    const sql = textCondition(`coalesce(${column}, '')`, op, value.value);
    return [atLeast(`parent_span_id IS NULL AND ${sql}`)];
  });
}
