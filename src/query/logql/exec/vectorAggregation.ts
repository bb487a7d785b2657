import type { VectorExpr } from '../syntax/ast.js';
import type { Breather } from './context.js';
import { labelsKey, newSeries, pickLabels, type Labels, type Series } from './series.js';

/** Aggregates across series, step by step. */
export async function aggregate(
  expr: VectorExpr,
  input: readonly Series[],
  steps: number,
  breather: Breather,
): Promise<Series[]> {
  const { op } = expr;
  if (op === 'sort' || op === 'sort_desc') return sortSeries(input, op === 'sort_desc');
  const groups = new Map<string, { labels: Labels; members: Series[] }>();
  const names = new Set(expr.grouping?.labels ?? []);
  const without = expr.grouping?.without ?? false;
  for (const series of input) {
    const labels = pickLabels(series.labels, names, without);
    const key = labelsKey(labels);
    const group = groups.get(key);
    if (group) group.members.push(series);
    else groups.set(key, { labels, members: [series] });
  }
  const out: Series[] = [];
  for (const { labels, members } of groups.values()) {
    if (op === 'topk' || op === 'bottomk') {
      out.push(...select(members, steps, expr.parameter ?? 1, op === 'topk'));
    } else {
      const series = newSeries(labels, steps);
      for (let k = 0; k < steps; k++) {
        const pause = breather.tick();
        if (pause) await pause;
        reduce(op, members, k, series);
      }
      out.push(series);
    }
  }
  return op === 'topk' || op === 'bottomk' ? sortSeries(out, op === 'topk') : out;
}

function reduce(
  op: Exclude<VectorExpr['op'], 'topk' | 'bottomk' | 'sort' | 'sort_desc'>,
  members: readonly Series[],
  k: number,
  out: Series,
): void {
  let count = 0;
  let [sum, min, max] = [0, NaN, NaN];
  let [mean, squares] = [0, 0];
  for (const series of members) {
    if (!series.present[k]) continue;
    const value = series.values[k] as number;
    count++;
    sum += value;
    if (!(min <= value)) min = Number.isNaN(value) ? min : value;
    if (!(max >= value)) max = Number.isNaN(value) ? max : value;
    const delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
  }
  if (count === 0) return;
  const results = {
    sum,
    avg: sum / count,
    min,
    max,
    count,
    stdvar: squares / count,
    stddev: Math.sqrt(squares / count),
  };
  out.values[k] = results[op];
  out.present[k] = 1;
}

/** Order for topk and sort: NaN comes last either way; equal values stay in the order of their labels. */
function compareValues(a: number, b: number, descending: boolean): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return descending ? b - a : a - b;
}

function select(members: readonly Series[], steps: number, count: number, top: boolean): Series[] {
  const sorted = [...members].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const out = sorted.map((series) => newSeries(series.labels, steps));
  for (let k = 0; k < steps; k++) {
    const present = sorted.map((_, i) => i).filter((i) => sorted[i]?.present[k]);
    present.sort((a, b) => {
      const order = compareValues(sorted[a]?.values[k] ?? NaN, sorted[b]?.values[k] ?? NaN, top);
      return order === 0 ? a - b : order;
    });
    for (const i of present.slice(0, count)) {
      const [from, to] = [sorted[i] as Series, out[i] as Series];
      to.values[k] = from.values[k] as number;
      to.present[k] = 1;
    }
  }
  return out.filter((series) => series.present.includes(1));
}

/** By the value of the only step of an instant query; the steps of a range query have no common order. */
function sortSeries(input: readonly Series[], descending: boolean): Series[] {
  if (input.some((series) => series.values.length !== 1)) return [...input];
  return [...input].sort((a, b) => compareValues(a.values[0] ?? NaN, b.values[0] ?? NaN, descending));
}
