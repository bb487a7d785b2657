import type { Notes } from '../../series/context.js';
import { metricName, type Labels } from '../../series/labels.js';
import { larger, smaller } from '../../text/go-numbers.js';
import { shortG } from '../../text/numbers.js';

/** What may have to be said about an argument, in Prometheus' words; `at` is the argument's character offset. */
export class Remarks {
  constructor(
    private readonly notes: Notes,
    readonly at: number,
  ) {}

  mixed(labels: Labels): void {
    this.notes.warn(`encountered a mix of histograms and floats for metric name ${nameOf(labels)}`, this.at);
  }

  ignored(labels: Labels): void {
    const text = 'ignored histograms in a range containing both floats and histograms for metric name';
    this.notes.info(`${text} ${nameOf(labels)}`, this.at);
  }

  incompatible(labels: Labels): void {
    const text =
      'vector contains a mix of histograms with exponential and custom buckets schemas for metric name';
    this.notes.warn(`${text} ${nameOf(labels)}`, this.at);
  }

  notCounter(labels: Labels): void {
    this.notes.warn(`this native histogram metric is not a counter: ${nameOf(labels)}`, this.at);
  }

  notGauge(labels: Labels): void {
    this.notes.warn(`this native histogram metric is not a gauge: ${nameOf(labels)}`, this.at);
  }

  maybeNoCounter(labels: Labels): void {
    const text = 'metric might not be a counter, name does not end in _total/_sum/_count/_bucket:';
    this.notes.info(`${text} ${nameOf(labels)}`, this.at);
  }

  collided(): void {
    this.notes.warn('conflicting counter resets during histogram aggregation', this.at);
  }

  reconciled(during: 'addition' | 'subtraction' | 'aggregation'): void {
    this.notes.info(`mismatched custom buckets were reconciled during ${during}`, this.at);
  }

  quantile(q: number): void {
    this.notes.warn(`quantile value should be between 0 and 1, got ${shortG(q)}`, this.at);
  }

  /** Values of a quantile parameter, a step each: each that is none is told. */
  quantiles(values: Float64Array): void {
    for (const q of new Set(values)) if (!(q >= 0 && q <= 1)) this.quantile(q);
  }

  /** Values of an aggregation's quantile parameter, a step each: the largest and the smallest of those that are none. */
  extremes(values: Float64Array): void {
    if (values.some(Number.isNaN)) this.quantile(NaN);
    const most = values.reduce(larger, -Infinity);
    if (most > 1) this.quantile(most);
    const least = values.reduce(smaller, Infinity);
    if (least < 0) this.quantile(least);
  }

  badBucket(labels: Labels): void {
    this.notes.warn(
      `bucket label "le" is missing or has a malformed value of ${JSON.stringify(labels.get('le'))}`,
      this.at,
    );
  }

  classicAndNative(): void {
    this.notes.warn('vector contains a mix of classic and native histograms', this.at);
  }

  nan(what: 'nan-result' | 'nan-skew' | 'nan-excluded'): void {
    const input = what === 'nan-excluded' ? 'histogram_fraction' : 'histogram_quantile';
    const effect = {
      'nan-result': 'result is NaN',
      'nan-skew': 'result is skewed higher',
      'nan-excluded': 'which are excluded from all fractions',
    }[what];
    this.notes.info(`input to ${input} has NaN observations, ${effect}`, this.at);
  }
}

function nameOf(labels: Labels): string {
  return JSON.stringify(labels.get(metricName));
}
