import { setImmediate } from 'node:timers/promises';
import { floatText } from '../text/numbers.js';
import { timeAt, type Grid } from './grid.js';
import { histogramJson } from './histograms/json.js';
import type { Histogram } from './histograms/histogram.js';
import type { Labels } from './labels.js';
import type { StepSeries } from './series.js';

/** Samples in time order: unix milliseconds and values. */
interface Points {
  readonly times: ArrayLike<number>;
  readonly values: ArrayLike<number>;
  /** Samples that are native histograms, and their times. */
  readonly histograms?: readonly (readonly [ms: number, histogram: Histogram])[];
}

/** One series of an answer; its points are made when they are written, and not kept. */
export interface ResultSeries {
  readonly labels: Labels;
  readonly points: () => Points;
}

/** A series as it stands in an answer: the steps at which it has a value. */
export function atSteps(series: StepSeries, grid: Grid): ResultSeries {
  return { labels: series.labels, points: () => presentPoints(series, grid) };
}

function presentPoints({ values, present, histograms: native }: StepSeries, grid: Grid): Points {
  let count = 0;
  const histograms: [number, Histogram][] = [];
  const outTimes = new Float64Array(values.length);
  const outValues = new Float64Array(values.length);
  for (let k = 0; k < values.length; k++) {
    if (!present[k]) continue;
    const histogram = native?.[k];
    if (histogram) {
      histograms.push([timeAt(grid, k), histogram]);
      continue;
    }
    outTimes[count] = timeAt(grid, k);
    outValues[count++] = values[k] ?? NaN;
  }
  const points = { times: outTimes.subarray(0, count), values: outValues.subarray(0, count) };
  return native ? { ...points, histograms } : points;
}

/** How an API writes series. Each function gives JSON text. */
export interface SeriesForm<S extends Pick<ResultSeries, 'points'>> {
  /** The members in front of the samples: `"metric":{…}`. */
  readonly head: (series: S) => string;
  /** The name of the list of samples. */
  readonly list: string;
  /** A sample is what stands before its value, which its time alone tells, the value, and what stands behind it. */
  readonly before: (ms: number) => string;
  readonly value: (value: number) => string;
  readonly behind: string;
  /** The name of the only sample of an instant answer; absent: all samples as a list. */
  readonly single?: string;
  /** Members behind the samples, each with a comma in front. */
  readonly tail?: (series: S) => string;
}

const pieceLength = 64 * 1024;

/**
 * A JSON array of series in pieces of about 64 KiB, giving way between them: an answer of any size neither blocks nor
 * is ever held as a whole. The reader's pace is the writer's.
 */
export async function* renderSeries<S extends Pick<ResultSeries, 'points'>>(
  all: Iterable<S>,
  form: SeriesForm<S>,
): AsyncGenerator<string> {
  let text = '[';
  let first = true;
  const between = new BetweenValues(form);
  for (const series of all) {
    text += `${first ? '' : ','}{${form.head(series)},`;
    first = false;
    const { times, values, histograms = [] } = series.points();
    const [histogram] = histograms;
    if (form.single !== undefined) {
      text += histogram
        ? `"histogram":${histogramPair(histogram)}`
        : `"${form.single}":${form.before(times[0] ?? 0)}${form.value(values[0] ?? NaN)}${form.behind}`;
    } else if (times.length > 0 || histograms.length === 0) {
      text += `"${form.list}":[`;
      between.begin(times);
      let [before, shown] = [NaN, ''];
      for (let i = 0; i < times.length; i++) {
        text += i === 0 ? form.before(times[i] ?? 0) : between.upTo(times[i] ?? 0);
        const value = values[i] ?? NaN;
        if (i === 0 || !Object.is(value, before)) [before, shown] = [value, form.value(value)];
        text += shown;
        if (text.length < pieceLength) continue;
        yield text;
        text = '';
        await setImmediate();
      }
      between.end(times);
      text += times.length > 0 ? `${form.behind}]` : ']';
    }
    if (form.single === undefined && histograms.length > 0) {
      text += `${times.length > 0 ? ',' : ''}"histograms":[`;
      for (const [i, pair] of histograms.entries()) {
        text += (i > 0 ? ',' : '') + histogramPair(pair);
        if (text.length < pieceLength) continue;
        yield text;
        text = '';
        await setImmediate();
      }
      text += ']';
    }
    text += `${form.tail?.(series) ?? ''}}`;
    if (text.length < pieceLength) continue;
    yield text;
    text = '';
    await setImmediate();
  }
  yield `${text}]`;
}

function histogramPair([ms, histogram]: readonly [number, Histogram]): string {
  return `[${ms / 1000},${histogramJson(histogram)}]`;
}

/** `[seconds, "value"]` as Prometheus and Loki write a sample; times have milliseconds. */
export function samplePair(ms: number, text: string): string {
  return `[${ms / 1000},${JSON.stringify(text)}]`;
}

const mostTexts = 20_000;

/** What stands between a value and the next one: the series of an answer mostly have their samples at the same times, so it is kept. */
class BetweenValues {
  #times: ArrayLike<number> = [];
  #texts: string[] = [];
  /** Of a series with more of them; their texts are made when another one has them too. */
  #better: ArrayLike<number> | null = null;
  #at = 0;
  #missed = false;

  constructor(private readonly form: Pick<SeriesForm<never>, 'before' | 'behind'>) {}

  /** Of another series, which has these times. */
  begin(times: ArrayLike<number>): void {
    if (this.#better !== null) {
      if (this.#better === times || mostAreIn(times, this.#better)) this.#keep(this.#better);
      this.#better = null;
    }
    this.#at = 0;
    this.#missed = false;
  }

  #keep(times: ArrayLike<number>): void {
    this.#times = times;
    this.#texts = Array.from(times, (ms) => this.#made(ms));
  }

  /** Of each sample but the first, in the order of time. */
  upTo(ms: number): string {
    const times = this.#times;
    let at = this.#at;
    while (at < times.length && (times[at] ?? 0) < ms) at++;
    this.#at = at;
    if (at < times.length && times[at] === ms) return this.#texts[at] ?? '';
    this.#missed = true;
    return this.#made(ms);
  }

  /** The series had all of these, which stay as they are. */
  end(times: ArrayLike<number>): void {
    if (this.#missed && times.length >= this.#times.length && times.length <= mostTexts) this.#better = times;
  }

  #made(ms: number): string {
    return `${this.form.behind},${this.form.before(ms)}`;
  }
}

/** Of times in their order. */
function mostAreIn(times: ArrayLike<number>, others: ArrayLike<number>): boolean {
  let [at, found] = [0, 0];
  for (let i = 0; i < times.length; i++) {
    const time = times[i] ?? 0;
    while (at < others.length && (others[at] ?? 0) < time) at++;
    if (others[at] === time) found++;
  }
  return found * 2 > times.length;
}

/** A series as Prometheus and Loki write it; `labels` is what becomes its JSON. */
export interface MetricSeries extends Pick<ResultSeries, 'points'> {
  readonly labels: object;
}

const labelled = {
  head: (series: MetricSeries) => `"metric":${JSON.stringify(series.labels)}`,
  list: 'values',
  before: (ms: number) => `[${ms / 1000},"`,
  value: floatText,
  behind: '"]',
} satisfies SeriesForm<MetricSeries>;

/** The matrix and vector of Prometheus and Loki. */
export const matrixForm: SeriesForm<MetricSeries> = labelled;
export const vectorForm: SeriesForm<MetricSeries> = { ...labelled, single: 'value' };
