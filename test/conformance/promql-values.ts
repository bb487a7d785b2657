import { floatText } from '../../src/query/text/numbers.js';

/** A native histogram as scripts write it. */
export interface HistogramValue {
  readonly schema: number;
  readonly count: number;
  readonly sum: number;
  readonly zeroCount: number;
  readonly zeroThreshold: number;
  readonly offset: number;
  readonly buckets: readonly number[];
  readonly negativeOffset: number;
  readonly negativeBuckets: readonly number[];
  /** Upper bounds of custom buckets; absent for exponential ones. */
  readonly bounds?: readonly number[];
}

export type Value = number | HistogramValue | 'stale' | null;

/**
 * Values in Prometheus' expanding notation: `a+bxn` is n + 1 values, `axn` the same value n + 1 times, `_` no value,
 * `_xn` n times none, `stale` the end of the series, `{{schema:0 count:4 sum:5 buckets:[1 2 1]}}` a native histogram.
 */
export function values(text: string): Value[] {
  const out: Value[] = [];
  const word = /(\{\{.*?\}\})(?:([+-])(\{\{.*?\}\}))?(?:x(\d+))?(?:\s+|$)|(\S+?)(?:\s+|$)/gy;
  while (word.lastIndex < text.length) {
    const match = word.exec(text);
    if (!match) throw new Error(`${text} are no values`);
    const [, histogram, sign, more, times, plain] = match;
    if (histogram !== undefined) {
      let value = parseHistogram(histogram);
      out.push(value);
      for (let i = 0; i < Number(times ?? 0); i++) {
        if (more !== undefined) value = added(value, parseHistogram(more), sign === '-' ? -1 : 1);
        out.push(value);
      }
    } else out.push(...numbers(plain ?? ''));
  }
  return out;
}

function numbers(word: string): Value[] {
  if (word === '_') return [null];
  if (word === 'stale') return [word];
  const run = /^(.+?)(?:([+-])([\d.]+))?x(\d+)$/.exec(word);
  if (!run) return [number(word)];
  const [, first = '', sign, delta = '0', count = '0'] = run;
  if (first === '_') return new Array<null>(Number(count)).fill(null);
  const by = (sign === '-' ? -1 : 1) * Number(delta);
  return Array.from({ length: Number(count) + 1 }, (_, i) => number(first) + i * by);
}

function number(text: string): number {
  if (/^[+-]?inf$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return NaN;
  const value = Number(text);
  if (Number.isNaN(value)) throw new Error(`${text} is no number`);
  return value;
}

function parseHistogram(text: string): HistogramValue {
  const members = new Map(
    [...text.slice(2, -2).matchAll(/(\w+):(\[[^\]]*\]|\S+)/g)].map(([, key = '', value = '']) => [
      key,
      value,
    ]),
  );
  const one = (key: string) => number(members.get(key) ?? '0');
  const list = (key: string) =>
    (members.get(key)?.slice(1, -1).trim().split(/\s+/) ?? []).filter(Boolean).map(Number);
  return {
    schema: one('schema'),
    count: one('count'),
    sum: one('sum'),
    zeroCount: one('z_bucket'),
    zeroThreshold: one('z_bucket_w'),
    offset: one('offset'),
    buckets: list('buckets'),
    negativeOffset: one('n_offset'),
    negativeBuckets: list('n_buckets'),
    ...(members.has('custom_values') && { bounds: list('custom_values') }),
  };
}

/** Both have one schema, and neither custom buckets. */
function added(a: HistogramValue, b: HistogramValue, sign: number): HistogramValue {
  const side = (aOffset: number, aCounts: readonly number[], bOffset: number, bCounts: readonly number[]) => {
    if (bCounts.length === 0) return { offset: aOffset, counts: [...aCounts] };
    if (aCounts.length === 0) return { offset: bOffset, counts: bCounts.map((count) => sign * count) };
    const offset = Math.min(aOffset, bOffset);
    const end = Math.max(aOffset + aCounts.length, bOffset + bCounts.length);
    const counts = Array.from(
      { length: end - offset },
      (_, i) => (aCounts[offset + i - aOffset] ?? 0) + sign * (bCounts[offset + i - bOffset] ?? 0),
    );
    return { offset, counts };
  };
  const positive = side(a.offset, a.buckets, b.offset, b.buckets);
  const negative = side(a.negativeOffset, a.negativeBuckets, b.negativeOffset, b.negativeBuckets);
  return {
    schema: a.schema,
    count: a.count + sign * b.count,
    sum: a.sum + sign * b.sum,
    zeroCount: a.zeroCount + sign * b.zeroCount,
    zeroThreshold: a.zeroThreshold,
    offset: positive.offset,
    buckets: positive.counts,
    negativeOffset: negative.offset,
    negativeBuckets: negative.counts,
  };
}

/** The first bucket reaches down to minus infinity. */
function customAnswer({ count, sum, buckets }: HistogramValue, bounds: readonly number[]): AnsweredHistogram {
  const edges = [-Infinity, ...bounds, Infinity];
  const all = buckets.map(
    (held, i) =>
      [i === 0 ? 3 : 0, floatText(edges[i] ?? NaN), floatText(edges[i + 1] ?? NaN), floatText(held)] as const,
  );
  return {
    count: floatText(count),
    sum: floatText(sum),
    buckets: all.filter(([, , , held]) => Number(held) !== 0),
  };
}

/** As the API gives it: `[boundary rule, lower, upper, count]` of each bucket that holds something. */
interface AnsweredHistogram {
  readonly count: string;
  readonly sum: string;
  readonly buckets?: readonly (readonly [number, string, string, string])[];
}

/** Count, sum and the buckets that are not empty, which is all that an answer tells of a native histogram. */
export function histogramText(histogram: HistogramValue | AnsweredHistogram): string {
  const answered = 'schema' in histogram ? answer(histogram) : histogram;
  const bound = (text: string) => String(Number(Number(text.replace('Inf', 'Infinity')).toPrecision(9)));
  const buckets = (answered.buckets ?? []).map(
    ([rule, low, high, count]) => `${rule}:${bound(low)}..${bound(high)}=${bound(count)}`,
  );
  return `{{count:${answered.count} sum:${answered.sum} ${buckets.join(' ')}}}`;
}

function answer(histogram: HistogramValue): AnsweredHistogram {
  if (histogram.bounds) return customAnswer(histogram, histogram.bounds);
  const edge = (index: number) => 2 ** (index * 2 ** -histogram.schema);
  const bucket = (rule: number, low: number, high: number, count: number) =>
    [rule, floatText(low), floatText(high), floatText(count)] as const;
  const negative = histogram.negativeBuckets.map((count, i) => {
    const index = histogram.negativeOffset + i;
    return bucket(1, -edge(index), -edge(index - 1), count);
  });
  const positive = histogram.buckets.map((count, i) => {
    const index = histogram.offset + i;
    return bucket(0, edge(index - 1), edge(index), count);
  });
  const width = histogram.zeroThreshold > 0 ? histogram.zeroThreshold : 1e-128;
  const zero = bucket(3, -width, width, histogram.zeroCount);
  return {
    count: floatText(histogram.count),
    sum: floatText(histogram.sum),
    buckets: [...negative.reverse(), ...(histogram.zeroCount > 0 ? [zero] : []), ...positive].filter(
      ([, , , count]) => Number(count) !== 0,
    ),
  };
}
