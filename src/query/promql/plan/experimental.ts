import { children, type Expr } from '../syntax/ast.js';
import { parseError } from '../syntax/errors.js';

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
const experimentalAggregations: ReadonlySet<string> = new Set(['limitk', 'limit_ratio']);

/** Refuses what is experimental in Prometheus, in its words. Throws QueryError. */
export function refuseExperimental(expr: Expr, source: string): void {
  const refuse = (message: string) => {
    throw parseError(source, expr.from, message);
  };
  switch (expr.kind) {
    case 'call':
      if (experimentalFunctions.has(expr.name))
        refuse(`function ${JSON.stringify(expr.name)} is not enabled`);
      break;
    case 'aggregation':
      if (experimentalAggregations.has(expr.op)) {
        refuse(
          `${expr.op}() is experimental and must be enabled with --enable-feature=promql-experimental-functions`,
        );
      }
      break;
    case 'binary':
      if (expr.matching?.fillLeft !== undefined || expr.matching?.fillRight !== undefined) {
        refuse('binop fill modifiers are experimental and not enabled');
      }
      break;
    case 'selector':
      if (expr.extension) refuse(`${expr.extension} modifier is experimental and not enabled`);
      break;
    default:
  }
  for (const child of children(expr)) refuseExperimental(child, source);
}
