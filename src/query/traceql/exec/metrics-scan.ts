import { quantile } from '../../series/statistics.js';
import type { QueryContext } from '../../server/guard.js';
import { columnsFor } from '../load/traces.js';
import { fieldName, needsTrace, singleValue } from '../model/field.js';
import type { Span, SpanRow } from '../model/span.js';
import { asNumber, groupKey } from '../model/value.js';
import { conditionsOf, fieldsOf } from '../plan/fields.js';
import type { FieldExpr, MetricsAggregate, Pipeline } from '../syntax/ast.js';
import { compileFocus } from './evaluate.js';
import { bucketLabel, bucketOf, durationScale } from './histogram.js';
import { matchedSpans } from './matched-spans.js';
import type { Exemplar, SeriesSet } from './metric-series.js';
import { seriesLabels, type Label, type MetricsOptions } from './metrics-options.js';

/** Evaluates every span, or every trace where the query needs to know more than the span itself; how many spans it counted or measured. */
export async function scanMetrics(
  ctx: QueryContext,
  pipeline: Pipeline,
  conditions: readonly FieldExpr[] | null,
  aggregate: MetricsAggregate,
  options: MetricsOptions,
  series: SeriesSet,
): Promise<number> {
  const fields = [...fieldsOf(pipeline), ...aggregate.by, ...(aggregate.operand ? [aggregate.operand] : [])];
  const cells = new Cells(aggregate, options);
  const focus = compileFocus(conditionsOf(pipeline));
  const selection = {
    ...{ pipeline, conditions, columns: columnsFor(fields), range: options.range },
    wholeTraces: fields.some(needsTrace),
  };
  let spans = 0;
  for await (const span of matchedSpans(ctx, selection)) {
    if (span.focused(focus(span), () => cells.add(span))) spans++;
  }
  cells.finish(series);
  return spans;
}

type SpanPlace = Pick<SpanRow, 'start' | 'spanId'>;

function precedes(a: SpanPlace, b: SpanPlace): boolean {
  return a.start === b.start ? a.spanId < b.spanId : a.start < b.start;
}

interface Cell {
  readonly labels: readonly Label[];
  readonly interval: number;
  count: number;
  sum: number;
  min: number;
  max: number;
  readonly values: number[];
  /** Of the earliest span, whatever order spans are read in. */
  exemplar: Exemplar;
  first: SpanPlace;
}

class Cells {
  readonly #cells = new Map<string, Cell>();

  constructor(
    private readonly aggregate: MetricsAggregate,
    private readonly options: MetricsOptions,
  ) {}

  /** False for a span that has no value. */
  add(span: Span): boolean {
    const { range } = this.options;
    const { start: time, traceId } = span.row;
    let value = 0;
    const extra: Label[] = [];
    if (this.aggregate.operand) {
      const operand = singleValue(span, this.aggregate.operand);
      const number = asNumber(operand);
      if (number === null) return false;
      value = number / (operand.type === 'duration' ? durationScale : 1);
      if (this.aggregate.fn === 'histogram_over_time') {
        const bucket = bucketOf(operand);
        if (bucket === null) return false;
        extra.push(bucketLabel(bucket));
      }
    }
    const by = this.aggregate.by.map((field): Label => [fieldName(field), singleValue(span, field)]);
    const labels = [...by, ...extra];
    const interval = Number((time - range.start) / range.step);
    const key = `${interval}\0${labels.map(([, label]) => groupKey(label)).join('\0')}`;
    let cell = this.#cells.get(key);
    if (!cell) {
      const exemplar = { traceId, time, value: this.aggregate.operand ? value : null };
      const first = span.row;
      cell = {
        labels,
        interval,
        count: 0,
        sum: 0,
        min: Infinity,
        max: -Infinity,
        values: [],
        first,
        exemplar,
      };
      this.#cells.set(key, cell);
    }
    if (precedes(span.row, cell.first)) {
      cell.first = span.row;
      cell.exemplar = { traceId, time, value: this.aggregate.operand ? value : null };
    }
    cell.count++;
    cell.sum += value;
    cell.min = Math.min(cell.min, value);
    cell.max = Math.max(cell.max, value);
    if (this.aggregate.fn === 'quantile_over_time') cell.values.push(value);
    return true;
  }

  finish(series: SeriesSet): void {
    const { aggregate, options } = this;
    for (const cell of this.#cells.values()) {
      const exemplar = options.exemplars > 0 ? cell.exemplar : null;
      const set = (value: number, extra: readonly Label[] = []) =>
        series.set(seriesLabels(aggregate, cell.labels, extra), cell.interval, value, exemplar);
      switch (aggregate.fn) {
        case 'rate':
          set(cell.count / (Number(options.range.step) / 1e9));
          break;
        case 'count_over_time':
        case 'histogram_over_time':
          set(cell.count);
          break;
        case 'min_over_time':
          set(cell.min);
          break;
        case 'max_over_time':
          set(cell.max);
          break;
        case 'sum_over_time':
          set(cell.sum);
          break;
        case 'avg_over_time':
          set(cell.sum / cell.count);
          break;
        case 'quantile_over_time': {
          const values = Float64Array.from(cell.values);
          for (const q of aggregate.quantiles) set(quantile(q, values), [['p', { type: 'float', value: q }]]);
        }
      }
    }
  }
}
