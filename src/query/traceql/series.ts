import { QueryError } from '../../lake/query-error.js';
import type { QueryLimits } from '../server/guard.js';
import type { Points, ResultSeries, SeriesForm } from '../series/render.js';
import type { SecondStage, Value } from './ast.js';
import type { MetricsRange } from './params.js';
import { compare, groupKey, toAnyValue } from './value.js';

export type Label = readonly [name: string, value: Value];

export interface Exemplar {
  readonly traceId: string;
  /** Nanoseconds: when the span started. */
  readonly time: bigint;
  /** Null where a span has no value of its own: the sample of its interval stands in. */
  readonly value: number | null;
}

/** A series that can be written. */
export type TempoSeries = Series & Pick<ResultSeries, 'points'>;

interface Series {
  readonly labels: readonly Label[];
  /** One an interval; NaN where there is none. */
  readonly values: Float64Array;
  readonly exemplars: Exemplar[];
}

/** Labels that a function gives its series, and no field of a span. */
const ownLabels: ReadonlySet<string> = new Set(['__name__', '__bucket', '__meta_type', 'p']);

/** The series of an answer. */
export class SeriesSet {
  readonly #series = new Map<string, Series>();

  constructor(
    private readonly range: MetricsRange,
    private readonly limits: Pick<QueryLimits, 'maxSeries' | 'maxSamples'>,
    /** What an interval without spans holds: 0 for counts, NaN for nothing. */
    private readonly empty: number,
  ) {}

  set(labels: readonly Label[], interval: number, value: number, exemplar: Exemplar | null = null): void {
    const series = this.#get(labels);
    if (interval < 0 || interval >= series.values.length) return;
    series.values[interval] = value;
    if (exemplar) series.exemplars.push(exemplar);
  }

  get size(): number {
    return this.#series.size;
  }

  /** A series that stands in the answer even when nothing is set in it. */
  add(labels: readonly Label[]): void {
    this.#get(labels);
  }

  #get(labels: readonly Label[]): Series {
    const key = labels.map(([name, value]) => `${name}=${groupKey(value)}`).join('\0');
    let series = this.#series.get(key);
    if (!series) {
      const { maxSeries, maxSamples } = this.limits;
      if (this.#series.size >= maxSeries) {
        throw new QueryError('limit', `the query gives more than ${maxSeries} series`);
      }
      if ((this.#series.size + 1) * this.range.intervals > maxSamples) {
        throw new QueryError('limit', `the query gives more than ${maxSamples} samples; use a larger step`);
      }
      const values = new Float64Array(this.range.intervals).fill(this.empty);
      this.#series.set(key, (series = { labels, values, exemplars: [] }));
    }
    return series;
  }

  apply(stages: readonly SecondStage[]): void {
    for (const stage of stages) {
      if (stage.kind === 'filter') this.#filter(stage.op, stage.value);
      else this.#rank(stage.kind, stage.limit);
    }
  }

  #filter(op: '=' | '!=' | '<' | '<=' | '>' | '>=', bound: number): void {
    const right: Value = { type: 'float', value: bound };
    for (const { values } of this.#series.values()) {
      for (let i = 0; i < values.length; i++) {
        if (!compare(op, { type: 'float', value: values[i] ?? NaN }, right, null)) values[i] = NaN;
      }
    }
  }

  /** Ranks anew in each interval; equal values go by the order of the labels. */
  #rank(kind: 'topk' | 'bottomk', limit: number): void {
    const all = [...this.#series].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, series]) => series);
    const sign = kind === 'topk' ? -1 : 1;
    for (let i = 0; i < this.range.intervals; i++) {
      const present = all.filter(({ values }) => !Number.isNaN(values[i]));
      present.sort((a, b) => sign * ((a.values[i] ?? 0) - (b.values[i] ?? 0)));
      for (const { values } of present.slice(limit)) values[i] = NaN;
    }
  }

  /** Series in the order of their labels, those without any sample left out; points are made when they are written. */
  results(): TempoSeries[] {
    const sorted = [...this.#series].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, series]) => series);
    return sorted
      .filter(({ values }) => values.some((value) => !Number.isNaN(value)))
      .map((series) => ({ ...series, points: () => this.#points(series) }));
  }

  /** How Tempo writes series: JSON text of labels, samples and exemplars. */
  form(instant: boolean, maxExemplars: number): SeriesForm<TempoSeries> {
    return {
      head: ({ labels }) => `"labels":${JSON.stringify(labels.map(attribute))}`,
      list: 'samples',
      sample: (ms, value) =>
        instant ? JSON.stringify(value) : `{"timestampMs":"${ms}","value":${JSON.stringify(value)}}`,
      ...(instant && { single: 'value' }),
      tail: (series) => {
        const exemplars = instant ? [] : this.#exemplars(series, maxExemplars);
        return exemplars.length > 0 ? `,"exemplars":${JSON.stringify(exemplars)}` : '';
      },
    };
  }

  #points({ values }: Series): Points {
    const { firstPoint, step } = this.range;
    const present = [...values.keys()].filter((i) => !Number.isNaN(values[i]));
    return {
      times: present.map((i) => Number((firstPoint + BigInt(i) * step) / 1_000_000n)),
      values: present.map((i) => values[i] ?? NaN),
    };
  }

  #exemplars({ labels, exemplars, values }: Series, limit: number): object[] {
    const stride = Math.max(1, exemplars.length / Math.max(1, limit));
    const { start, step } = this.range;
    const out: object[] = [];
    const group = labels.filter(([name]) => !ownLabels.has(name)).map(attribute);
    for (let i = 0; out.length < limit && Math.floor(i) < exemplars.length; i += stride) {
      const exemplar = exemplars[Math.floor(i)];
      if (!exemplar) break;
      const sample = values[Number((exemplar.time - start) / step)];
      if (sample === undefined || Number.isNaN(sample)) continue;
      out.push({
        labels: [...group, { key: 'trace:id', value: { stringValue: exemplar.traceId } }],
        value: exemplar.value ?? sample,
        timestampMs: String(exemplar.time / 1_000_000n),
      });
    }
    return out;
  }
}

function attribute([key, value]: Label): object {
  return { key, value: toAnyValue(value) };
}
