import { labelName } from '../../../attributes/label-name.js';
import type { Grouping } from '../../../series/aggregate.js';
import { metricName } from '../../../series/labels.js';
import type { CompiledMatcher } from '../../../series/matchers.js';
import type { Yielder } from '../../../series/yielder.js';
import type { QueryContext } from '../../../server/guard.js';
import type { Window } from '../../plan/times.js';
import { familiesOf, selected, type Family, type SpanMetric } from './families.js';

export interface SpanMetricsRequest {
  readonly ctx: QueryContext;
  readonly yielder: Yielder;
  readonly matchers: readonly CompiledMatcher[];
  readonly window: Window;
  /** Metrics that were sent by these names, which the spans' do not join. */
  readonly taken: Pick<ReadonlySet<string>, 'has'>;
}

export interface Wanted {
  readonly family: Family;
  readonly metrics: readonly SpanMetric[];
  /** Those of the family's labels that tell series apart. */
  readonly labels: readonly string[];
}

/** Families that have a metric which the matchers may mean. */
export function wantedOf({ ctx, matchers, taken, window }: SpanMetricsRequest): Wanted[] {
  const { spanMetrics } = ctx.limits;
  if (spanMetrics === null) return [];
  return familiesOf(spanMetrics.dimensions)
    .map((family) => {
      const metrics = selected(family, matchers).filter(({ name }) => !taken.has(name));
      return { family, metrics, labels: labelsOf(family, metrics, matchers, window.sums) };
    })
    .filter(({ metrics }) => metrics.length > 0);
}

/** What the sums are grouped by, what matchers look at, and what tells which of the metrics count. */
function labelsOf(
  { labels }: Family,
  metrics: readonly SpanMetric[],
  matchers: readonly CompiledMatcher[],
  sums: Grouping | undefined,
): readonly string[] {
  // Metrics of several names must not become one series.
  if (!sums || !matchers.some(({ name, op }) => name === metricName && op === '=')) return labels;
  const both = (name: string) => [name, labelName(name)];
  const listed = new Set(sums.labels.flatMap(both));
  const needed = new Set(matchers.flatMap(({ name }) => both(name)));
  if (metrics.some(({ measure }) => measure === 'messaging seconds')) needed.add('connection_type');
  return labels.filter((label) => listed.has(label) !== sums.without || needed.has(label));
}
