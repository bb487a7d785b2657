import { QueryError } from '../../../lake/query-error.js';
import { quantile } from '../../series/statistics.js';
import { Yielder } from '../../series/yielder.js';
import type { QueryContext } from '../../server/guard.js';
import { and } from '../../sql/fragment.js';
import { candidates, padded } from '../load/candidates.js';
import { columnsFor, loadTraces, streamSpans } from '../load/traces.js';
import { fieldName, fieldValue, needsTrace } from '../model/field.js';
import type { Span } from '../model/span.js';
import { startsWithin } from '../model/time.js';
import { asNumber, groupKey } from '../model/value.js';
import { fieldsOf } from '../plan/fields.js';
import { filterSql } from '../plan/filter.js';
import { traceCondition } from '../plan/trace-condition.js';
import type { FieldExpr, MetricsAggregate, Pipeline } from '../syntax/ast.js';
import { compileExpr, compilePipeline, isTrue } from './evaluate.js';
import { bucketLabel, bucketOf, durationScale } from './histogram.js';
import type { Exemplar, SeriesSet } from './metric-series.js';
import { seriesLabels, type Label, type MetricsOptions } from './metrics-options.js';

const tracesPerBatch = 2000;

/** Evaluates every span, or every trace where the query needs to know more than the span itself. */
export async function scanMetrics(
  ctx: QueryContext,
  pipeline: Pipeline,
  single: FieldExpr | null,
  aggregate: MetricsAggregate,
  options: MetricsOptions,
  series: SeriesSet,
): Promise<void> {
  const fields = [...fieldsOf(pipeline), ...aggregate.by, ...(aggregate.operand ? [aggregate.operand] : [])];
  const columns = columnsFor(fields);
  const cells = new Cells(aggregate, options, ctx.limits.maxSamples);
  if (single && !fields.some(needsTrace)) {
    const matches = compileExpr(single);
    const where = and([startsWithin(options.range).sql, filterSql(single).sql]);
    for await (const spans of streamSpans(ctx, columns, where)) {
      cells.scanned(spans.length);
      for (const span of spans) if (isTrue(matches(span))) cells.add(span);
    }
  } else {
    const evaluate = compilePipeline(pipeline);
    const yielder = new Yielder(ctx.signal);
    for await (const page of candidates(ctx, traceCondition(pipeline), options.range)) {
      for (let at = 0; at < page.length; at += tracesPerBatch) {
        const batch = page.slice(at, at + tracesPerBatch);
        const ids = batch.map(({ traceId }) => traceId);
        for (const trace of await loadTraces(ctx, ids, padded(batch), columns)) {
          ctx.signal.throwIfAborted();
          cells.scanned(trace.spans.length);
          if (yielder.due) await yielder.pause();
          for (const set of evaluate(trace)) for (const span of set.spans) cells.add(span);
        }
      }
    }
  }
  cells.finish(series);
}

interface Cell {
  readonly labels: readonly Label[];
  readonly interval: number;
  count: number;
  sum: number;
  min: number;
  max: number;
  readonly values: number[];
  readonly exemplar: Exemplar;
}

class Cells {
  readonly #cells = new Map<string, Cell>();
  #scanned = 0;

  constructor(
    private readonly aggregate: MetricsAggregate,
    private readonly options: MetricsOptions,
    private readonly maxSpans: number,
  ) {}

  scanned(spans: number): void {
    this.#scanned += spans;
    if (this.#scanned > this.maxSpans) {
      throw new QueryError('limit', `the query looks at more than ${this.maxSpans} spans`);
    }
  }

  add(span: Span): void {
    const { range } = this.options;
    const { start: time, traceId } = span.row;
    if (time < range.start || time >= range.end) return;
    let [value, scale] = [0, 1];
    if (this.aggregate.operand) {
      const operand = fieldValue(span, this.aggregate.operand);
      const one = operand.type === 'each' ? operand.values[0] : operand;
      const number = one ? asNumber(one) : null;
      if (number === null) return;
      scale = one?.type === 'duration' ? durationScale : 1;
      value = number / scale;
    }
    const labels = this.aggregate.by.map((field): Label => [fieldName(field), fieldValue(span, field)]);
    if (this.aggregate.fn === 'histogram_over_time') labels.push(bucketLabel(bucketOf(value, scale)));
    const interval = Number((time - range.start) / range.step);
    const key = `${interval}\0${labels.map(([, label]) => groupKey(label)).join('\0')}`;
    let cell = this.#cells.get(key);
    if (!cell) {
      const exemplar = { traceId, time, value: this.aggregate.operand ? value : null };
      cell = { labels, interval, count: 0, sum: 0, min: Infinity, max: -Infinity, values: [], exemplar };
      this.#cells.set(key, cell);
    }
    cell.count++;
    cell.sum += value;
    cell.min = Math.min(cell.min, value);
    cell.max = Math.max(cell.max, value);
    if (this.aggregate.fn === 'quantile_over_time') cell.values.push(value);
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
