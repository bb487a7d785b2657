import { Labels, metricName } from '../../../series/labels.js';
import { matchesAll, type CompiledMatcher } from '../../../series/matchers.js';
import { SeriesBuilder, type SampleSeries } from '../../../series/samples.js';
import { messaging, type SpanMetric } from './families.js';
import { countedRows } from './statements.js';
import type { SpanMetricsRequest, Wanted } from './wanted.js';

/** Of a label set, the builders of each metric: one, or one for each bucket. */
type OfLabels = readonly (readonly (SeriesBuilder | null)[])[];

/** Makes the series of one family of the rows that its statement gives. */
export class Builders {
  readonly #known = new Map<string, OfLabels>();
  readonly #histograms: readonly Seconds[];
  /** Most samples that a row becomes. */
  readonly perRow: number;

  private constructor(
    private readonly wanted: Wanted,
    private readonly matchers: readonly CompiledMatcher[],
    /** What is counted, in SQL. */
    private readonly rows: string,
  ) {
    const { family, metrics } = wanted;
    this.#histograms = columns.filter((column) =>
      metrics.some((metric) => metric.part === 'bucket' && columnOf(metric) === column),
    );
    this.perRow = metrics.reduce((sum, { part }) => sum + (part === 'bucket' ? family.le.length : 1), 0);
  }

  static async of({ ctx, matchers, window }: SpanMetricsRequest, wanted: Wanted): Promise<Builders> {
    return new Builders(wanted, matchers, await countedRows(ctx, wanted.family, matchers, window));
  }

  /**
   * One row for each label set and value of `step`: labels, last time (us), spans, failed ones, seconds, bytes, last time of a failed one, buckets; zeros for
   * what no metric needs, as the columns behind it are long to read. Spans are counted by their exact bucket first.
   */
  statement(step: string): string {
    const { family, labels } = this.wanted;
    const { boundsNs } = family;
    const keys = labels.map((label) => `l${family.labels.indexOf(label)}`);
    const own = this.#histograms.map((column, i) => `${bucketOf(column, boundsNs)} AS b${i}`);
    const needs = (is: (metric: SpanMetric) => boolean) => this.wanted.metrics.some(is);
    const seconds = columns.map((column) =>
      needs((metric) => metric.part === 'sum' && columnOf(metric) === column)
        ? `sum(${column})::DOUBLE`
        : '0',
    );
    const counted = [
      'max(t) AS last',
      'count(*) AS spans',
      ...(needs(({ measure }) => measure === 'failed')
        ? ['count(*) FILTER (WHERE failed) AS failures', 'max(t) FILTER (WHERE failed) AS failed_last']
        : ['0 AS failures', 'NULL::BIGINT AS failed_last']),
      ...seconds.map((sum, i) => `${sum} AS s${i}`),
      `${needs(({ measure }) => measure === 'bytes') ? 'sum(size)::DOUBLE' : '0'} AS bytes`,
    ];
    const results = [
      'max(last)::DOUBLE / 1000',
      'sum(spans)::DOUBLE',
      'sum(failures)::DOUBLE',
      ...columns.map((_, i) => `sum(s${i})::DOUBLE / 1e9`),
      'sum(bytes)::DOUBLE',
      'max(failed_last)::DOUBLE / 1000',
      ...this.#histograms.flatMap((_, i) =>
        boundsNs.map((_, bound) => `coalesce(sum(spans) FILTER (WHERE b${i} <= ${bound}), 0)::DOUBLE`),
      ),
    ];
    return (
      `SELECT ${[...keys, ...results].join(', ')} FROM (` +
      `SELECT ${[...keys, `${step} AS step`, ...own, ...counted].join(', ')} FROM (${this.rows}) GROUP BY ALL) ` +
      `GROUP BY ${[...keys, 'step'].join(', ')}`
    );
  }

  push(cell: (column: number) => unknown): void {
    const { family, metrics, labels } = this.wanted;
    const texts = labels.map((_, i) => cell(i) as string);
    const key = JSON.stringify(texts);
    let own = this.#known.get(key);
    if (own === undefined) {
      own = this.#buildersOf(texts);
      this.#known.set(key, own);
    }
    const at = texts.length;
    const number = (column: number) => (cell(at + column) ?? 0) as number;
    const micros = number(0);
    own.forEach((builders, m) => {
      const metric = metrics[m] as SpanMetric;
      const column = columnOf(metric);
      if (metric.part === 'bucket') {
        const first = 8 + this.#histograms.indexOf(column) * family.boundsNs.length;
        builders.forEach((builder, i) =>
          builder?.push(micros, i < family.boundsNs.length ? number(first + i) : number(1)),
        );
        return;
      }
      if (metric.part === 'sum') return builders[0]?.push(micros, number(3 + columns.indexOf(column)));
      const failed = metric.measure === 'failed';
      const count = number(failed ? 2 : metric.measure === 'bytes' ? 6 : 1);
      // What never happened has no series.
      if (count > 0) builders[0]?.push(failed ? number(7) : micros, count);
    });
  }

  finish(): SampleSeries[] {
    return [...this.#known.values()]
      .flat(2)
      .flatMap((builder) => (builder && !builder.empty ? [builder.finish()] : []));
  }

  #buildersOf(texts: readonly string[]): OfLabels {
    const { family, metrics, labels } = this.wanted;
    const shared = labels.map((label, i) => [label, texts[i] ?? ''] as const);
    return metrics.map((metric) => {
      const { name, part } = metric;
      if (!counts(metric, (label) => texts[labels.indexOf(label)])) return [];
      const bounds = part === 'bucket' ? family.le : [''];
      return bounds.map((bound) => {
        const labels = Labels.of([...shared, [metricName, name], ['le', bound]]);
        if (!matchesAll(labels, this.matchers)) return null;
        return new SeriesBuilder(labels, true, { name, type: part === 'total' ? 'sum' : 'histogram' });
      });
    });
  }
}

/** Whether a metric counts what has these labels. */
export function counts({ measure }: SpanMetric, label: (name: string) => string | undefined): boolean {
  return measure !== 'messaging seconds' || label('connection_type') === messaging;
}

/** The number of the bucket that a value falls into. */
function bucketOf(column: string, boundsNs: readonly number[]): string {
  const cases = boundsNs.map((bound, i) => `WHEN ${column} <= ${bound} THEN ${i}`);
  return `CASE ${cases.join(' ')} ELSE ${boundsNs.length} END`;
}

const columns = ['server_ns', 'client_ns', 'messaging_ns'] as const;
type Seconds = (typeof columns)[number];

export function columnOf({ measure }: SpanMetric): Seconds {
  if (measure === 'messaging seconds') return 'messaging_ns';
  return measure === 'client seconds' ? 'client_ns' : 'server_ns';
}
