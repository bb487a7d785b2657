import { noBuckets, type Buckets } from './buckets.js';

/**
 * A native histogram sample (Prometheus' "Native Histograms" specification). Counts may be fractions: most histograms
 * are results. Immutable.
 */
export interface Histogram {
  /** Resolution: bucket i of a positive side is (2^((i-1)·2^-schema), 2^(i·2^-schema)]. `customSchema`: by `bounds`. */
  readonly schema: number;
  readonly count: number;
  readonly sum: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly positive: Buckets;
  readonly negative: Buckets;
  /** Upper bounds of custom buckets, rising; the last bucket has none. */
  readonly bounds: readonly number[];
  /** A result that may fall: of a rate, a difference, a negative factor. */
  readonly gauge: boolean;
  /** Whether the counter began anew with this sample, where it is known without looking at the buckets. */
  readonly reset?: boolean | undefined;
}

/** Schema number of histograms with custom buckets. */
const customSchema = -53;
/** Finest resolution, as Prometheus stores it. */
export const finestSchema = 8;
/** Width of the zero bucket where none is given, as Prometheus has it for OpenTelemetry's histograms. */
export const defaultZeroThreshold = 1e-128;

export function isCustom({ schema }: Pick<Histogram, 'schema'>): boolean {
  return schema === customSchema;
}

export function customHistogram(
  bounds: readonly number[],
  buckets: Buckets,
  count: number,
  sum: number,
  gauge = false,
): Histogram {
  return {
    schema: customSchema,
    count,
    sum,
    zeroThreshold: 0,
    zeroCount: 0,
    positive: buckets,
    negative: noBuckets,
    bounds,
    gauge,
  };
}

/** One bucket with its bounds. */
export interface Bucket {
  readonly lower: number;
  readonly upper: number;
  readonly lowerInclusive: boolean;
  readonly upperInclusive: boolean;
  readonly count: number;
}

/**
 * How many units in the last place Prometheus' bounds are below 2^(i/256), a digit more by one for each i: they come
 * from a table that is not rounded, and clients compare bounds by their text.
 */
const tableErrors =
  '1111112111211111112311222222222211211121122111221122112211221222' +
  '1111112222322132112111211121111111221011213311221121112111331222' +
  '2122213322321232212222333333224421211121223321322233222222332232' +
  '3243223233433333333333444455435422323233324422333243323333543344';

/** 2^exponent as that table has it, for multiples of 1/256 in [0, 1). */
function boundWithin(exponent: number): number {
  return 2 ** exponent - (Number(tableErrors[exponent * 256]) - 1) * Number.EPSILON;
}

/** Upper bound of a bucket of a positive side. */
export function upperBound(index: number, { schema, bounds }: Pick<Histogram, 'schema' | 'bounds'>): number {
  if (schema === customSchema) return index < 0 ? -Infinity : (bounds[index] ?? Infinity);
  const per = 2 ** schema;
  const whole = Math.floor(index / per);
  const fraction = index - whole * per;
  const bound = fraction === 0 ? 2 ** whole : boundWithin(fraction / per) * 2 ** whole;
  // The bucket before the one of infinities ends at the largest number.
  return bound === Infinity && index === 1024 * per ? Number.MAX_VALUE : bound;
}

/**
 * The buckets in rising order, the zero bucket among them; parts inside the zero bucket are cut off. `negativeZero`: with
 * a zero bucket whose count is below 0.
 */
export function bucketsOf(histogram: Histogram, negativeZero = false): Bucket[] {
  const { positive, negative, zeroThreshold, zeroCount } = histogram;
  const custom = isCustom(histogram);
  const out: Bucket[] = [];
  for (let i = negative.indexes.length - 1; i >= 0; i--) {
    const index = negative.indexes[i] ?? 0;
    const upper = -upperBound(index - 1, histogram);
    out.push({
      lower: -upperBound(index, histogram),
      upper: upper > -zeroThreshold ? -zeroThreshold : upper,
      lowerInclusive: true,
      upperInclusive: false,
      count: negative.counts[i] ?? 0,
    });
  }
  if (zeroCount > 0 || (negativeZero && zeroCount !== 0)) {
    out.push({
      lower: -zeroThreshold,
      upper: zeroThreshold,
      lowerInclusive: true,
      upperInclusive: true,
      count: zeroCount,
    });
  }
  positive.indexes.forEach((index, i) => {
    const lower = upperBound(index - 1, histogram);
    out.push({
      lower: !custom && lower < zeroThreshold ? zeroThreshold : lower,
      upper: upperBound(index, histogram),
      lowerInclusive: custom && index === 0,
      upperInclusive: true,
      count: positive.counts[i] ?? 0,
    });
  });
  return out;
}

/** How many buckets hold something. */
export function bucketCount({ positive, negative }: Histogram): number {
  return positive.indexes.length + negative.indexes.length;
}
