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
  readonly sample: (ms: number, value: number) => string;
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
  for (const series of all) {
    text += `${first ? '' : ','}{${form.head(series)},`;
    first = false;
    const { times, values, histograms = [] } = series.points();
    const [histogram] = histograms;
    if (form.single !== undefined) {
      text += histogram
        ? `"histogram":${histogramPair(histogram)}`
        : `"${form.single}":${form.sample(times[0] ?? 0, values[0] ?? NaN)}`;
    } else if (times.length > 0 || histograms.length === 0) {
      text += `"${form.list}":[`;
      for (let i = 0; i < times.length; i++) {
        if (i > 0) text += ',';
        text += form.sample(times[i] ?? 0, values[i] ?? NaN);
        if (text.length < pieceLength) continue;
        yield text;
        text = '';
        await setImmediate();
      }
      text += ']';
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

/** The series of an answer have their samples at the same times, so their texts are worth keeping. */
const secondsTexts = new Map<number, string>();
const mostTexts = 20_000;

function secondsText(ms: number): string {
  let text = secondsTexts.get(ms);
  if (text === undefined) {
    if (secondsTexts.size === mostTexts) secondsTexts.clear();
    text = `${ms / 1000}`;
    secondsTexts.set(ms, text);
  }
  return text;
}

/** A series as Prometheus and Loki write it; `labels` is what becomes its JSON. */
export interface MetricSeries extends Pick<ResultSeries, 'points'> {
  readonly labels: object;
}

const labelled = {
  head: (series: MetricSeries) => `"metric":${JSON.stringify(series.labels)}`,
  list: 'values',
  sample: (ms: number, value: number) => `[${secondsText(ms)},"${floatText(value)}"]`,
} satisfies SeriesForm<MetricSeries>;

/** The matrix and vector of Prometheus and Loki. */
export const matrixForm: SeriesForm<MetricSeries> = labelled;
export const vectorForm: SeriesForm<MetricSeries> = { ...labelled, single: 'value' };
