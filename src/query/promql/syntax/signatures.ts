import type { ValueType } from './ast.js';

export interface Signature {
  readonly args: readonly ValueType[];
  /** How many of the last arguments may be missing. */
  readonly optional: number;
  /** The last argument may be given any number of times more. */
  readonly repeated: boolean;
  readonly returns: ValueType;
}

function signature(
  args: ValueType[],
  returns: ValueType = 'vector',
  optional = 0,
  repeated = false,
): Signature {
  return { args, returns, optional, repeated };
}

function each(names: string, of: Signature): Record<string, Signature> {
  return Object.fromEntries(names.split(' ').map((name) => [name, of]));
}

/** Argument and result types of each PromQL function. */
export const signatures: Readonly<Record<string, Signature>> = {
  ...each(
    'abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count ' +
      'histogram_sum histogram_stddev histogram_stdvar ln log10 log2 rad sgn sin sinh sort sort_desc sqrt ' +
      'start_timestamp tan tanh timestamp',
    signature(['vector']),
  ),
  ...each(
    'absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate ' +
      'last_over_time mad_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time ' +
      'stdvar_over_time sum_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time',
    signature(['matrix']),
  ),
  ...each(
    'days_in_month day_of_month day_of_week day_of_year hour minute month year',
    signature(['vector'], 'vector', 1),
  ),
  ...each('end pi range start step time', signature([], 'scalar')),
  ...each('clamp_max clamp_min', signature(['vector', 'scalar'])),
  ...each('sort_by_label sort_by_label_desc', signature(['vector', 'string'], 'vector', 1, true)),
  clamp: signature(['vector', 'scalar', 'scalar']),
  double_exponential_smoothing: signature(['matrix', 'scalar', 'scalar']),
  histogram_fraction: signature(['scalar', 'scalar', 'vector']),
  histogram_quantile: signature(['scalar', 'vector']),
  histogram_quantiles: signature(['vector', 'string', 'scalar'], 'vector', 0, true),
  info: signature(['vector', 'vector'], 'vector', 1),
  label_join: signature(['vector', 'string', 'string', 'string'], 'vector', 1, true),
  label_replace: signature(['vector', 'string', 'string', 'string', 'string']),
  predict_linear: signature(['matrix', 'scalar']),
  quantile_over_time: signature(['scalar', 'matrix']),
  round: signature(['vector', 'scalar'], 'vector', 1),
  scalar: signature(['vector'], 'scalar'),
  vector: signature(['scalar']),
};
