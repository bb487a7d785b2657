import { Labels, metricName } from './labels.js';
import { unwrap, type Expr } from '../promql/syntax/ast.js';
import type { EvalContext } from '../promql/exec/context.js';
import { anyPresent, emptySeries, type StepSeries } from './series.js';

/** 1 at each step without any sample, labelled by what the selector asks for. */
export function absent(
  ctx: EvalContext,
  expr: Expr | undefined,
  series: readonly StepSeries[],
): StepSeries[] {
  const result = emptySeries(expr ? wantedLabels(unwrap(expr)) : Labels.empty, ctx.grid.count);
  result.present.fill(1);
  for (const one of series) one.present.forEach((set, k) => set && (result.present[k] = 0));
  result.values.fill(1);
  return anyPresent(result) ? [result] : [];
}

/** Labels that exactly one equality matcher gives a value. */
function wantedLabels(expr: Expr): Labels {
  const selector = expr.kind === 'matrix' ? expr.selector : expr;
  if (selector.kind !== 'selector') return Labels.empty;
  const named = selector.matchers.filter((matcher) => matcher.name !== metricName);
  const count = (name: string) => named.filter((matcher) => matcher.name === name).length;
  return Labels.of(
    named
      .filter((matcher) => matcher.op === '=' && count(matcher.name) === 1)
      .map((matcher): [string, string] => [matcher.name, matcher.value]),
  );
}
