/** What Prometheus 0.316 has behind `--enable-feature=promql-experimental-functions` and its like. */
export const experimentalFunctions: ReadonlySet<string> = new Set([
  ...[
    'double_exponential_smoothing',
    'end',
    'histogram_quantiles',
    'info',
    'integral',
    'mad_over_time',
    'max_of',
  ],
  ...['min_of', 'range', 'sort_by_label', 'sort_by_label_desc', 'start', 'start_timestamp', 'step'],
  ...['ts_of_first_over_time', 'ts_of_last_over_time', 'ts_of_max_over_time', 'ts_of_min_over_time'],
]);
