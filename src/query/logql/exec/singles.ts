import { definitionOf } from '../stages/index.js';
import { aliases } from '../model/labels.js';
import { always } from '../model/names.js';
import type { RangeExpr, VectorExpr } from '../syntax/ast.js';

/** What gives the value of the only sample of a window. */
const ofOneTheSame: ReadonlySet<string> = new Set(
  ['avg', 'sum', 'min', 'max', 'first', 'last', 'quantile'].map((op) => `${op}_over_time`),
);
/** Aggregations across series that are one over the samples of all of them where each has one. */
const acrossRecords: ReadonlyMap<string, string> = new Map(
  ['avg', 'sum', 'min', 'max', 'count', 'stddev', 'stdvar'].map((op) => [op, `${op}_over_time`]),
);

/**
 * A parser of lines with ids makes each record a series of its own. An aggregation across such series is the one over the records
 * of each group, which is this; undefined when it never is.
 */
export function overSingles({ op, grouping, expr }: VectorExpr): RangeExpr | undefined {
  const over = acrossRecords.get(op);
  if (over === undefined || expr.kind !== 'range' || expr.grouping || grouping?.without) return undefined;
  const { unwrap, parameter = 0 } = expr;
  if (!unwrap || always.has(unwrap.name) || !ofOneTheSame.has(expr.op)) return undefined;
  // The label that is unwrapped is none of the series, of which the rest of the ids may be the same.
  if (idsOfRecord.includes(unwrap.name)) return undefined;
  if (parameter < 0 || parameter > 1) return undefined;
  const { stages } = expr.log;
  // Without a parser the series are few as a rule, and a stage that sets or removes labels may make equal what is not.
  const works = stages.map((stage) => definitionOf(stage).work);
  if (!works.includes('parses') || !works.every((work) => work === 'parses' || work === 'filters'))
    return undefined;
  const by = grouping?.labels ?? [];
  // Of the series these would be labels that are not there.
  if (by.some((name) => name === unwrap.name || aliases.has(name))) return undefined;
  return { ...withoutParameter(expr), op: over, grouping: { without: false, labels: by } };
}

function withoutParameter({ parameter: _, ...expr }: RangeExpr): Omit<RangeExpr, 'parameter'> {
  return expr;
}

/** Records of which these differ have different labels: parsed fields do not replace what columns tell. */
const idsOfRecord: readonly string[] = ['trace_id', 'span_id'];
export const seriesOfRecord = `hash(${idsOfRecord.join(', ')})`;

/** Conditions of records that may be of one series whatever their ids, or whose value is no number, which each aggregation takes in its way. */
export function notSingle(value: string): string[] {
  return [...idsOfRecord.map((id) => `coalesce(${id}, '') = ''`), `isnan(${value})`];
}

/**
 * Of rows with `series` and the labels `names`, which are of a series too, one of each; it is unsettled when there were several.
 * Texts are keys alone, as what is aggregated of them could not leave memory.
 */
export function eachOnce(names: readonly string[], rows: string): string {
  const kept = ['bucket', 'v', 'bytes'].map((name) => `any_value(${name}) AS ${name}`);
  return (
    `(SELECT ${[...names, ...kept].join(', ')}, bool_or(unsettled) OR count(*) > 1 AS unsettled FROM (${rows}) ` +
    `GROUP BY ${['series', ...names].join(', ')})`
  );
}
