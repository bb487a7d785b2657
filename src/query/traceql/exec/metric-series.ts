import { binary } from '../../series/binary.js';
import { checkSeries, checkSize, noNotes, type SeriesContext } from '../../series/context.js';
import type { Grid } from '../../series/grid.js';
import { Labels } from '../../series/labels.js';
import { choose } from '../../series/rank.js';
import { anyPresent, emptySeries, vector, type StepSeries } from '../../series/series.js';
import { Yielder } from '../../series/yielder.js';
import type { QueryContext } from '../../server/guard.js';
import { byteOrder } from '../../text/byte-order.js';
import { groupKey } from '../model/value.js';
import type { SecondStage } from '../syntax/ast.js';
import type { Label, MetricsRange } from './metrics-options.js';

export interface Exemplar {
  readonly traceId: string;
  /** Nanoseconds: when the span started. */
  readonly time: bigint;
  /** Null where a span has no value of its own: the sample of its interval stands in. */
  readonly value: number | null;
}

/** A series whose labels, for the engine, are texts that tell the types of their values apart. */
export interface MetricSeries extends StepSeries {
  /** The labels as they are shown, in their order. */
  readonly shown: readonly Label[];
  readonly exemplars: Exemplar[];
  /** It says something without any sample. */
  readonly empty?: true;
}

/** What the engine needs to know of the steps of a query. */
export function seriesContext(
  query: Pick<QueryContext, 'signal' | 'limits'>,
  range: MetricsRange,
): SeriesContext {
  return {
    grid: gridOf(range),
    yielder: new Yielder(query.signal),
    maxValues: query.limits.maxSamples,
    notes: noNotes,
  };
}

/** The series of one function, filled interval by interval. */
export class SeriesSet {
  readonly #series = new Map<string, MetricSeries>();

  constructor(
    private readonly ctx: SeriesContext,
    private readonly maxSeries: number,
    /** An interval without spans holds 0; otherwise nothing. */
    private readonly counting: boolean,
  ) {}

  get size(): number {
    return this.#series.size;
  }

  set(shown: readonly Label[], interval: number, value: number, exemplar: Exemplar | null = null): void {
    const { values, present, exemplars } = this.add(shown);
    if (interval < 0 || interval >= values.length || Number.isNaN(value)) return;
    values[interval] = value;
    present[interval] = 1;
    if (exemplar) exemplars.push(exemplar);
  }

  /** The series with these labels. A new one of counts stands in the answer even when nothing is set in it. Throws QueryError. */
  add(shown: readonly Label[]): MetricSeries {
    const labels = labelsOf(shown);
    let series = this.#series.get(labels.key);
    if (!series) {
      checkSeries(this.#series.size + 1, this.maxSeries);
      checkSize(this.ctx, this.#series.size + 1);
      series = { ...emptySeries(labels, this.ctx.grid.count), shown, exemplars: [] };
      if (this.counting) series.present.fill(1);
      this.#series.set(labels.key, series);
    }
    return series;
  }

  /** A series that says something by its labels alone. */
  addEmpty(shown: readonly Label[]): void {
    const series = this.add(shown);
    series.present.fill(0);
    this.#series.set(series.labels.key, { ...series, empty: true });
  }

  get series(): MetricSeries[] {
    return [...this.#series.values()];
  }
}

/** Labels for the engine, of which texts tell the types of their values apart. */
export function labelsOf(shown: readonly Label[]): Labels {
  return Labels.of(shown.map(([name, value]) => [name, groupKey(value)]));
}

/** In the order of their labels, those without any sample left out. */
function inOrder(series: readonly MetricSeries[]): MetricSeries[] {
  return series
    .filter((one) => one.empty === true || anyPresent(one))
    .sort((a, b) => byLabels(a.shown, b.shown));
}

/** Ranks and filters by what stands behind a function, each interval by itself. */
export async function secondStages(
  ctx: SeriesContext,
  all: readonly MetricSeries[],
  stages: readonly SecondStage[],
): Promise<MetricSeries[]> {
  let series = inOrder(all);
  for (const stage of stages) {
    const byKey = new Map(series.map((one) => [one.labels.key, one]));
    const left = await secondStage(ctx, stage, series);
    series = left.flatMap(({ labels, values, present }) => {
      const one = byKey.get(labels.key);
      return one ? [{ ...one, values, present }] : [];
    });
    series = inOrder(series);
  }
  return series;
}

async function secondStage(
  ctx: SeriesContext,
  stage: SecondStage,
  series: readonly MetricSeries[],
): Promise<readonly StepSeries[]> {
  const constant = (value: number) => new Float64Array(ctx.grid.count).fill(value);
  if (stage.kind !== 'filter') {
    const group = { labels: Labels.empty, members: [...series] };
    return choose(ctx, stage.kind, constant(stage.limit), series, [group]);
  }
  const operation = { op: stage.op === '=' ? '==' : stage.op, bool: false };
  const bound = { type: 'scalar', values: constant(stage.value) } as const;
  const left = await binary(ctx, operation, vector(series), bound);
  return left.type === 'vector' ? left.series : [];
}

function byLabels(a: readonly Label[], b: readonly Label[]): number {
  for (const [i, [name, value]] of a.entries()) {
    const [otherName, otherValue] = b[i] ?? ['', value];
    const order = byteOrder(name, otherName) || byteOrder(groupKey(value), groupKey(otherValue));
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Milliseconds, with what the nanoseconds leave behind the point. */
function gridOf({ firstPoint, step, intervals }: MetricsRange): Grid {
  const ms = (nanoseconds: bigint) =>
    Number(nanoseconds / 1_000_000n) + Number(nanoseconds % 1_000_000n) / 1e6;
  return { start: ms(firstPoint), step: ms(step), count: intervals };
}
