import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { QueryError } from '../../lake/query-error.js';
import type { QueryContext } from '../server/guard.js';
import type { Field, FieldExpr, MetricsAggregate, Pipeline } from './ast.js';
import { candidates } from './candidates.js';
import { compileExpr, compilePipeline, fieldsOf, isTrue } from './evaluate.js';
import { fieldName } from './field-name.js';
import { columnsFor, loadTraces, streamSpans } from './load.js';
import { seriesLabels, type MetricsOptions } from './metrics-options.js';
import { padded } from './search.js';
import type { Exemplar, Label, SeriesSet } from './series.js';
import type { Span } from './span.js';
import { filterSql, traceCondition } from './sql-filter.js';
import { timeWindow } from '../sql/time-window.js';
import { asNumber, groupKey } from './value.js';

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
    const where = `${timeWindow(options.range.start, options.range.end, 'start_time_unix_nano').sql} AND (${filterSql(single).sql})`;
    for await (const spans of streamSpans(ctx, columns, where)) {
      cells.scanned(spans.length);
      for (const span of spans) if (isTrue(matches(span))) cells.add(span);
    }
  } else {
    const evaluate = compilePipeline(pipeline);
    let traces = 0;
    for await (const page of candidates(ctx, traceCondition(pipeline), options.range)) {
      for (let at = 0; at < page.length; at += tracesPerBatch) {
        const batch = page.slice(at, at + tracesPerBatch);
        const ids = batch.map(({ traceId }) => traceId);
        for (const trace of await loadTraces(ctx, ids, padded(batch), columns)) {
          ctx.signal.throwIfAborted();
          cells.scanned(trace.spans.length);
          if (++traces % 100 === 0) await yieldToLoop();
          for (const set of evaluate(trace)) for (const span of set.spans) cells.add(span);
        }
      }
    }
  }
  cells.finish(series);
}

function needsTrace(field: Field): boolean {
  if (field.kind === 'attribute') return field.parent;
  const names = ['childCount', 'traceDuration', 'rootName', 'rootServiceName'];
  return names.includes(field.name) || field.name.startsWith('nestedSet');
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
    let value = 0;
    if (this.aggregate.operand) {
      const operand = span.value(this.aggregate.operand);
      const one = operand.type === 'each' ? operand.values[0] : operand;
      const number = one ? asNumber(one) : null;
      if (number === null) return;
      value = one?.type === 'duration' ? number / 1e9 : number;
    }
    const labels = this.aggregate.by.map((field): Label => [fieldName(field), span.value(field)]);
    if (this.aggregate.fn === 'histogram_over_time') labels.push(['__bucket', this.#bucket(value)]);
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

  #bucket(value: number): Label[1] {
    const { operand } = this.aggregate;
    const scale = operand?.kind === 'intrinsic' ? 1e9 : 1;
    const scaled = Math.round(value * scale * 1e6) / 1e6;
    return { type: 'float', value: (scaled <= 1 ? 1 : 2 ** Math.ceil(Math.log2(scaled))) / scale };
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
        case 'quantile_over_time':
          cell.values.sort((a, b) => a - b);
          for (const q of aggregate.quantiles) {
            set(quantile(cell.values, q), [['p', { type: 'float', value: q }]]);
          }
      }
    }
  }
}

/** Linear between the neighbours, as DuckDB's quantile_cont. */
function quantile(sorted: readonly number[], q: number): number {
  const at = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN];
  return low + (high - low) * (at - Math.floor(at));
}
