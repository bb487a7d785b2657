/**
 * Counts of histograms as doubles, in SQL. `float_counts` has those of float histograms (all observations, of exponential ones the zero
 * bucket, the buckets), whose columns of integers are rounded; it is empty, or NULL in older files, where these are exact.
 */
export const allCounted = 'coalesce(float_counts[1], count::DOUBLE)';

const isFloat = 'len(float_counts) > 0';

export const explicitCounts = `CASE WHEN ${isFloat} THEN float_counts[2:] ELSE bucket_counts::DOUBLE[] END`;

export const exponentialCounts = {
  zero: 'coalesce(float_counts[2], zero_count::DOUBLE, 0)',
  positive:
    `CASE WHEN ${isFloat} THEN float_counts[3:2 + len(positive_bucket_counts)] ` +
    'ELSE positive_bucket_counts::DOUBLE[] END',
  negative:
    `CASE WHEN ${isFloat} THEN float_counts[3 + len(positive_bucket_counts):] ` +
    'ELSE negative_bucket_counts::DOUBLE[] END',
};
