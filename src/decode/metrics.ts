import type { PayloadContext } from './batch/context.js';
import { entryBytes } from './batch/budget.js';
import type { ResourceScopeColumns } from './batch/resource-scope.js';
import type { TableBuilder } from './batch/table.js';
import { ExponentialHistogramPoints } from './exponential-histogram-points.js';
import { HistogramPoints } from './histogram-points.js';
import type { PointRecords } from './metric-points.js';
import { NumberPoints } from './number-points.js';
import { SummaryPoints } from './summary-points.js';
import { prometheusName, type MetricKind } from './prometheus-name.js';
import { truncated } from './wire/source.js';
import { MetricDataTag, MetricTag } from './wire/tags.js';

/** One type of metric: its table's columns that are the same for all points of a metric. */
class MetricColumns {
  readonly names;
  readonly prometheus;
  readonly descriptions;
  readonly units;
  readonly metadata;
  readonly temporality;
  readonly monotonic;

  constructor(
    readonly kind: MetricKind,
    readonly points: PointRecords,
  ) {
    const { table } = points;
    const has = (name: string) => table.def.columns.some((column) => column.name === name);
    this.names = table.stretches('metric_name');
    this.prometheus = table.stretches('prometheus_name');
    this.descriptions = table.stretches('metric_description');
    this.units = table.stretches('metric_unit');
    this.metadata = table.stretches('metric_metadata');
    this.temporality = has('aggregation_temporality') ? table.int32('aggregation_temporality') : null;
    this.monotonic = has('is_monotonic') ? table.boolean('is_monotonic') : null;
  }
}

const maxCachedNames = 20_000;
/** No honest name is longer, and long ones would fill the memory. */
const maxCachedLength = 500;

/** Metric messages (opentelemetry-proto metrics/v1) into rows of the table of their type. */
export class MetricRecords {
  readonly tables: readonly TableBuilder[];
  readonly resourceScopes: readonly ResourceScopeColumns[];
  /** By the field number of Metric's oneof. */
  readonly #types: (MetricColumns | undefined)[] = [];
  readonly #names = new Map<string, Buffer>();
  readonly #words = new Uint32Array(4);

  constructor(private readonly context: PayloadContext) {
    this.#types[5] = new MetricColumns('gauge', new NumberPoints(context, 'metric_gauge'));
    this.#types[7] = new MetricColumns('counter', new NumberPoints(context, 'metric_sum'));
    this.#types[9] = new MetricColumns('other', new HistogramPoints(context));
    this.#types[10] = new MetricColumns('other', new ExponentialHistogramPoints(context));
    this.#types[11] = new MetricColumns('other', new SummaryPoints(context));
    const types = this.#types.filter((type) => type !== undefined);
    this.tables = types.map((type) => type.points.table);
    this.resourceScopes = types.map((type) => type.points.resourceScope);
  }

  /** One metric; adds a row or a rejection for each data point. */
  record(start: number, end: number): void {
    const { source } = this.context.writer;
    let namePos = 0;
    let nameLength = 0;
    let descriptionPos = 0;
    let descriptionLength = 0;
    let unitPos = 0;
    let unitLength = 0;
    let field = 0;
    let dataPos = 0;
    let dataEnd = 0;
    let pos = start;
    while (pos < end) {
      pos = source.tag(pos, end);
      const tag = source.lo;
      if ((tag & 7) !== 2) {
        pos = source.skip(pos, end, tag);
        continue;
      }
      const from = source.open(pos, end);
      pos = source.to;
      switch (tag >>> 3) {
        case 1:
          namePos = from;
          nameLength = pos - from;
          break;
        case 2:
          descriptionPos = from;
          descriptionLength = pos - from;
          break;
        case 3:
          unitPos = from;
          unitLength = pos - from;
          break;
        case 5:
        case 7:
        case 9:
        case 10:
        case 11:
          field = tag >>> 3;
          dataPos = from;
          dataEnd = pos;
          break;
      }
    }
    if (pos !== end) throw truncated(pos);
    const type = this.#types[field];
    if (type === undefined) return this.context.budget.charge(entryBytes);

    const { table } = type.points;
    const first = table.rows;
    let temporality = 0;
    let monotonic = false;
    pos = dataPos;
    while (pos < dataEnd) {
      pos = source.tag(pos, dataEnd);
      switch (source.lo) {
        case MetricDataTag.dataPoints: {
          pos = source.open(pos, dataEnd);
          const to = source.to;
          type.points.point(pos, to);
          pos = to;
          break;
        }
        case MetricDataTag.aggregationTemporality:
          pos = source.varint(pos, dataEnd);
          temporality = source.lo;
          break;
        case MetricDataTag.isMonotonic:
          pos = source.varint(pos, dataEnd);
          monotonic = (source.lo | source.hi) !== 0;
          break;
        default:
          pos = source.skip(pos, dataEnd, source.lo);
      }
    }
    if (pos !== dataEnd) throw truncated(pos);
    const rows = table.rows;
    if (rows === first) return this.context.budget.charge(entryBytes);

    const { writer, attributes, budget } = this.context;
    const words = this.#words;
    budget.shared();
    const shared = writer.arena.begin();
    writer.textWords(words, 0, namePos, nameLength);
    type.names.fill(first, rows, words, 0);
    writer.textWords(words, 0, descriptionPos, descriptionLength);
    type.descriptions.fill(first, rows, words, 0);
    writer.textWords(words, 0, unitPos, unitLength);
    type.units.fill(first, rows, words, 0);
    const text = writer.arena.length;
    attributes.object(start, end, MetricTag.metadata);
    writer.arenaWords(words, 0, text);
    type.metadata.fill(first, rows, words, 0);
    const described = this.context.prometheusNames && writer.arena.length > text;
    const kind = type.kind === 'counter' && !monotonic ? 'other' : type.kind;
    // What a protocol of Prometheus says of a family has no series.
    if (described) words.fill(0);
    else this.#prometheusName(kind, namePos, nameLength, unitPos, unitLength);
    type.prometheus.fill(first, rows, words, 0);
    writer.arena.check();
    budget.charge((writer.arena.length - shared) * (rows - first));
    type.temporality?.fill(first, rows, temporality);
    type.monotonic?.fill(first, rows, monotonic);
  }

  #prometheusName(
    kind: MetricKind,
    namePos: number,
    nameLength: number,
    unitPos: number,
    unitLength: number,
  ): void {
    const { source, arena } = this.context.writer;
    if (this.context.prometheusNames)
      return this.context.writer.textWords(this.#words, 0, namePos, nameLength);
    const key = `${kind}/${source.key(unitPos, unitLength)}/${source.key(namePos, nameLength)}`;
    let name = this.#names.get(key);
    if (name === undefined) {
      const [unit, plain] = [source.text(unitPos, unitLength), source.text(namePos, nameLength)];
      name = Buffer.from(prometheusName(plain, unit, kind), 'ascii');
      if (this.#names.size >= maxCachedNames) this.#names.clear();
      if (key.length <= maxCachedLength) this.#names.set(key, name);
    }
    const start = arena.length;
    arena.append(name);
    this.context.writer.arenaWords(this.#words, 0, start);
  }
}
