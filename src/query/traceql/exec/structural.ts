import type { StructuralOp } from '../syntax/ast.js';
import type { Span } from '../model/span.js';

type Relation = '>' | '>>' | '<' | '<<' | '~';

const inverse: Record<Relation, Relation> = { '>': '<', '<': '>', '>>': '<<', '<<': '>>', '~': '~' };

/**
 * The spans of `right` that stand in the relation to some span of `left`; with `!` those that do not, with
 * `&` those of both sides that do. Spans whose parent is missing are linked by the parent's id alone.
 */
export function relate(op: StructuralOp, left: readonly Span[], right: readonly Span[]): Span[] {
  const prefix = op[0];
  const relation = (prefix === '!' || prefix === '&' ? op.slice(1) : op) as Relation;
  const related = relatedTo(relation, left, right);
  if (prefix === '!') return right.filter((span) => !related.has(span));
  const matched = right.filter((span) => related.has(span));
  if (prefix !== '&') return matched;
  const others = relatedTo(inverse[relation], right, left);
  return [...new Set([...left.filter((span) => others.has(span)), ...matched])];
}

function relatedTo(relation: Relation, left: readonly Span[], right: readonly Span[]): Set<Span> {
  switch (relation) {
    case '>': {
      const ids = new Set(left.map((span) => span.row.spanId));
      return pick(right, ({ row }) => row.parentSpanId !== null && ids.has(row.parentSpanId));
    }
    case '<': {
      const ids = new Set(left.map((span) => span.row.parentSpanId));
      return pick(right, ({ row }) => ids.has(row.spanId));
    }
    case '>>':
      return descendants(left, right);
    case '<<':
      return ancestors(left, right);
    case '~':
      return siblings(left, right);
  }
}

function pick(spans: readonly Span[], test: (span: Span) => boolean): Set<Span> {
  return new Set(spans.filter(test));
}

function descendants(left: readonly Span[], right: readonly Span[]): Set<Span> {
  const ids = new Set(left.map((span) => span.row.spanId));
  /** Whether the span or something above it is on the left. */
  const below = new Map<string, boolean>();
  const reaches = (span: Span): boolean => {
    const path: string[] = [];
    let result = false;
    for (let at: Span | null = span; at; at = at.parent) {
      const parentId: string | null = at.row.parentSpanId;
      if (parentId === null) break;
      const known = below.get(parentId);
      if (known !== undefined || ids.has(parentId)) {
        result = known ?? true;
        if (known === undefined) below.set(parentId, true);
        break;
      }
      // Marks the id before the end is known: a cycle of parents then ends here.
      below.set(parentId, false);
      path.push(parentId);
    }
    if (result) for (const id of path) below.set(id, true);
    return result;
  };
  return pick(right, reaches);
}

function ancestors(left: readonly Span[], right: readonly Span[]): Set<Span> {
  const above = new Set<string>();
  for (const span of left) {
    for (let at: Span | null = span; at; at = at.parent) {
      const parentId: string | null = at.row.parentSpanId;
      if (parentId === null || above.has(parentId)) break;
      above.add(parentId);
    }
  }
  return pick(right, ({ row }) => above.has(row.spanId));
}

function siblings(left: readonly Span[], right: readonly Span[]): Set<Span> {
  const byParent = new Map<string, Set<Span>>();
  for (const span of left) {
    if (span.row.parentSpanId === null) continue;
    const group = byParent.get(span.row.parentSpanId);
    if (group) group.add(span);
    else byParent.set(span.row.parentSpanId, new Set([span]));
  }
  return pick(right, (span) => {
    const group = span.row.parentSpanId === null ? undefined : byParent.get(span.row.parentSpanId);
    return group !== undefined && (group.size > 1 || !group.has(span));
  });
}
