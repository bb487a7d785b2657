import { QueryError } from '../../../lake/query-error.js';
import type { BinaryExpr, BinaryOp, CompareOp, Matching } from '../syntax/ast.js';
import { compare } from '../pipeline/filters.js';
import type { Breather } from './context.js';
import {
  checkSize,
  labelsKey,
  newSeries,
  pickLabels,
  sortLabels,
  type Labels,
  type Result,
  type Series,
} from './series.js';

const comparisons: readonly BinaryOp[] = ['==', '!=', '>', '>=', '<', '<='];

function isComparison(op: BinaryOp): op is CompareOp {
  return comparisons.includes(op);
}

function arithmetic(op: BinaryOp, left: number, right: number): number {
  switch (op) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    // Loki gives NaN for a division by zero, where Prometheus gives an infinity.
    case '/':
      return right === 0 ? NaN : left / right;
    case '%':
      return right === 0 ? NaN : left % right;
    default:
      return left ** right;
  }
}

/** The value of `left op right`, or undefined when a comparison without `bool` filters it out; `kept` is what stays. */
function apply(expr: BinaryExpr, left: number, right: number, kept: number): number | undefined {
  if (!isComparison(expr.op)) return arithmetic(expr.op, left, right);
  const holds = compare(expr.op, left, right);
  if (expr.bool) return holds ? 1 : 0;
  return holds ? kept : undefined;
}

export async function binary(
  expr: BinaryExpr,
  left: Result,
  right: Result,
  steps: number,
  breather: Breather,
  limits: { readonly maxSeries: number; readonly maxSamples: number },
): Promise<Result> {
  const set = expr.op === 'and' || expr.op === 'or' || expr.op === 'unless';
  if (left.kind === 'scalar' && right.kind === 'scalar') {
    if (set) throw new QueryError('bad_data', `${expr.op} works on vectors only`);
    if (!isComparison(expr.op))
      return { kind: 'scalar', value: arithmetic(expr.op, left.value, right.value) };
    return { kind: 'scalar', value: compare(expr.op, left.value, right.value) ? 1 : 0 };
  }
  if (left.kind === 'vector' && right.kind === 'vector') {
    if (expr.matching.group && set) {
      throw new QueryError('bad_data', `${expr.op} can not be used with group_${expr.matching.group}`);
    }
    const series = set
      ? setOperation(expr, left.series, right.series, steps)
      : await match(expr, left.series, right.series, steps, breather);
    checkSize(series.length, steps, limits);
    return { kind: 'vector', series };
  }
  if (set) throw new QueryError('bad_data', `${expr.op} works on vectors only`);
  const vector = left.kind === 'vector' ? left : right;
  const scalar = left.kind === 'scalar' ? left.value : right.kind === 'scalar' ? right.value : NaN;
  const series = (vector as Extract<Result, { kind: 'vector' }>).series.map((from) => {
    const out = newSeries(from.labels, steps);
    for (let k = 0; k < steps; k++) {
      if (!from.present[k]) continue;
      const value = from.values[k] as number;
      const [a, b] = left.kind === 'vector' ? [value, scalar] : [scalar, value];
      put(out, k, apply(expr, a, b, value));
    }
    return out;
  });
  return { kind: 'vector', series: withValues(series) };
}

function put(series: Series, k: number, value: number | undefined): void {
  if (value === undefined) return;
  series.values[k] = value;
  series.present[k] = 1;
}

function withValues(series: readonly Series[]): Series[] {
  return series.filter((each) => each.present.includes(1));
}

function signature(labels: Labels, matching: Matching): string {
  return labelsKey(pickLabels(labels, new Set(matching.labels), !matching.on));
}

function group(series: readonly Series[], matching: Matching): Map<string, Series[]> {
  const out = new Map<string, Series[]>();
  for (const each of series) {
    const key = signature(each.labels, matching);
    const members = out.get(key);
    if (members) members.push(each);
    else out.set(key, [each]);
  }
  return out;
}

function setOperation(
  { op, matching }: BinaryExpr,
  left: readonly Series[],
  right: readonly Series[],
  steps: number,
): Series[] {
  const [reference, filtered] = op === 'or' ? [left, right] : [right, left];
  const others = group(reference, matching);
  const wanted = op === 'and';
  const kept = filtered.map((from) => {
    const members = others.get(signature(from.labels, matching)) ?? [];
    const out = newSeries(from.labels, steps);
    for (let k = 0; k < steps; k++) {
      if (from.present[k] && members.some((other) => other.present[k] === 1) === wanted)
        put(out, k, from.values[k]);
    }
    return out;
  });
  return op === 'or' ? union(left, withValues(kept)) : withValues(kept);
}

/** Series of both sides; those with the same labels, which are never set at the same step, become one. */
function union(left: readonly Series[], right: readonly Series[]): Series[] {
  const byKey = new Map<string, Series>();
  for (const each of [...left, ...right]) {
    const before = byKey.get(each.key);
    if (!before) {
      byKey.set(each.key, { ...each, values: each.values.slice(), present: each.present.slice() });
      continue;
    }
    each.values.forEach((value, k) => {
      if (each.present[k]) put(before, k, value);
    });
  }
  return [...byKey.values()];
}

async function match(
  expr: BinaryExpr,
  left: readonly Series[],
  right: readonly Series[],
  steps: number,
  breather: Breather,
): Promise<Series[]> {
  const { matching } = expr;
  // The side of which one series may meet many.
  const [many, one] = matching.group === 'right' ? [right, left] : [left, right];
  const ones = group(one, matching);
  const results = new Map<string, Series>();
  for (const from of many) {
    const candidates = ones.get(signature(from.labels, matching));
    if (!candidates) continue;
    for (let k = 0; k < steps; k++) {
      const pause = breather.tick();
      if (pause) await pause;
      if (!from.present[k]) continue;
      const present = candidates.filter((other) => other.present[k]);
      const other = present[0];
      if (!other) continue;
      if (present.length > 1) {
        const first = present.reduce((a, b) => (a.key < b.key ? a : b));
        throw ambiguous(matching.group === 'right' ? 'left' : 'right', first.labels);
      }
      const [a, b] = matching.group === 'right' ? [other, from] : [from, other];
      const value = apply(expr, a.values[k] as number, b.values[k] as number, a.values[k] as number);
      if (value === undefined) continue;
      const labels = resultLabels(expr, from.labels, other.labels);
      const key = labelsKey(labels);
      let out = results.get(key);
      if (!out) results.set(key, (out = newSeries(labels, steps)));
      if (out.present[k]) throw ambiguous(matching.group === 'right' ? 'right' : 'left', labels);
      put(out, k, value);
    }
  }
  return [...results.values()];
}

function ambiguous(side: string, labels: Labels): QueryError {
  const text = labels.map(([name, value]) => `${name}="${value.slice(0, 100)}"`).join(', ');
  return new QueryError(
    'bad_data',
    `several series on the ${side} side match {${text}}; add labels to on or ignoring, or use group_left or group_right`,
  );
}

function resultLabels({ matching }: BinaryExpr, many: Labels, one: Labels): Labels {
  if (matching.group === undefined) {
    return pickLabels(many, new Set(matching.labels), !matching.on);
  }
  const merged = new Map(many);
  for (const name of matching.include) {
    const value = one.find(([label]) => label === name)?.[1];
    if (value === undefined) merged.delete(name);
    else merged.set(name, value);
  }
  return sortLabels(merged);
}
