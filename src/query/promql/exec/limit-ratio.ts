import { evaluationError } from '../../series/context.js';
import type { Labels } from '../../series/labels.js';
import { anyPresent, type StepSeries } from '../../series/series.js';
import { shortG } from '../../text/numbers.js';
import { xxhash64 } from '../../text/xxhash64.js';
import { unwrap, type Aggregation } from '../syntax/ast.js';
import type { EvalContext } from './context.js';

/**
 * limit_ratio: a share of the series, chosen by a hash of their labels, so that the same are chosen at all times; a
 * negative ratio chooses those that 1 + ratio leaves out.
 */
export function limitRatio(
  ctx: EvalContext,
  expr: Aggregation,
  ratios: Float64Array,
  series: readonly StepSeries[],
): StepSeries[] {
  const at = unwrap(expr.param ?? expr).from;
  if (ratios.every((ratio) => ratio === 0)) return [];
  if (ratios.some(Number.isNaN)) throw evaluationError('Ratio value is NaN');
  for (const [bad, to] of [
    [ratios.reduce((most, ratio) => Math.max(most, ratio), -Infinity), 1],
    [ratios.reduce((least, ratio) => Math.min(least, ratio), Infinity), -1],
  ] as const) {
    if (to * bad <= 1) continue;
    ctx.notes.warn(`ratio value should be between -1 and 1, got ${shortG(bad)}, capping to ${to}`, at);
  }
  const out: StepSeries[] = [];
  for (const one of series) {
    const offset = Number(xxhash64(encoded(one.labels))) / 2 ** 64;
    const present = one.present.map((set, k) => {
      const ratio = Math.max(-1, Math.min(1, ratios[k] ?? 0));
      const chosen = ratio > 0 ? offset < ratio : ratio < 0 && offset >= 1 + ratio;
      return chosen ? set : 0;
    });
    const kept = { ...one, present };
    if (anyPresent(kept)) out.push(kept);
  }
  return out;
}

/** Names and values, each with its length in front, as Prometheus hashes them. */
function encoded(labels: Labels): Buffer {
  const parts: Buffer[] = [];
  for (const text of [...labels.entries()].flat()) {
    const bytes = Buffer.from(text);
    const { length } = bytes;
    parts.push(
      length < 255
        ? Buffer.of(length)
        : Buffer.of(255, length & 255, (length >> 8) & 255, (length >> 16) & 255),
      bytes,
    );
  }
  return Buffer.concat(parts);
}
