import { PayloadError } from '../errors.js';
import type { DecodeLimits, RejectionReason } from '../../schema/index.js';
import type { PayloadContext } from '../batch/context.js';
import { floatCountsField } from '../wire/tags.js';
import { WireWriter } from '../wire/wire-writer.js';
import type { Given, Prepared } from './format.js';
import { RecordCount } from './rejected.js';
import { isCustom, whole, type NativeHistogram } from './native-histogram.js';
import type { Exemplar, FamilyMetadata, Label, MetricType, Series } from './prometheus-types.js';

const nameLabel = Buffer.from('__name__');
const empty = Buffer.alloc(0);
const [traceLabel, spanLabel] = [Buffer.from('trace_id'), Buffer.from('span_id')];
const counterEnd = /_(?:total|count|sum|bucket)$/;
const typeKey = Buffer.from('prometheus.type');
const cumulative = 2n;
const ended = 1n;

/** Asked for each label, so a call is made for few. */
function isNameLabel(name: Buffer): boolean {
  return name.length === 8 && name[0] === nameLabel[0] && name.equals(nameLabel);
}

/** By their bytes; names differ early, so this costs less than a call. */
function isBefore(some: Buffer, other: Buffer): boolean {
  const length = Math.min(some.length, other.length);
  for (let i = 0; i < length; i++) {
    const difference = some[i]! - other[i]!;
    if (difference !== 0) return difference < 0;
  }
  return some.length < other.length;
}

const enum Field {
  metricName = 1,
  description = 2,
  unit = 3,
  gauge = 5,
  sum = 7,
  histogram = 9,
  exponentialHistogram = 10,
  metadata = 12,
}

/**
 * Series as metrics of OTLP: one without resource and scope, whose labels are the points' attributes, so that they come back
 * as they were sent, `job` and `instance` too.
 */
export class PrometheusSeries {
  readonly #out: WireWriter;
  readonly #count: RecordCount;
  readonly #starts: readonly number[];
  readonly #limits: DecodeLimits;
  readonly #receivedAtNs: bigint;
  #elements = 0;
  /** The metric that is open, so that the points of neighbours go into one. */
  #open: {
    name: Buffer;
    help: Buffer;
    unit: Buffer;
    field: Field;
    gauge: boolean;
    metric: number;
    data: number;
  } | null = null;

  constructor({ body, limits, take, receivedAtNs }: Given) {
    this.#out = new WireWriter(body.length * 2, { maxBytes: limits.maxRequestRowBytes, take });
    this.#starts = [this.#out.begin(1), this.#out.begin(2)];
    this.#limits = limits;
    this.#receivedAtNs = receivedAtNs;
    this.#count = new RecordCount(limits);
  }

  /** `families` may be told apart from series. */
  finish(families: readonly FamilyMetadata[] = []): Prepared {
    this.#close();
    for (const start of [...this.#starts].reverse()) this.#out.end(start);
    for (const type of new Set(families.map((family) => family.type))) {
      this.#families(
        type,
        families.filter((family) => family.type === type),
      );
    }
    const notes = families.length > 0 ? { notes: { families: families.length } } : {};
    return { request: this.#out.finish(), rejected: this.#count.rejected, ...notes };
  }

  /**
   * As gauges with a point that has no value, nor labels, at the time of receipt. The type is an attribute of the resource, by the
   * name that OpenTelemetry has for it; as the metric's metadata it says that there is no series.
   */
  #families(type: string, families: readonly FamilyMetadata[]): void {
    const out = this.#out;
    const typeText = Buffer.from(type);
    const whole = out.begin(1);
    const resource = out.begin(1);
    out.attribute(1, typeKey, typeText);
    out.end(resource);
    const scope = out.begin(2);
    for (const { name, help, unit } of families) {
      const metric = out.begin(2);
      out.bytes(Field.metricName, name);
      if (help.length > 0) out.bytes(Field.description, help);
      if (unit.length > 0) out.bytes(Field.unit, unit);
      const data = out.begin(Field.gauge);
      const point = out.begin(1);
      out.fixed64(3, this.#receivedAtNs);
      out.varint(8, ended);
      out.end(point);
      out.end(data);
      out.attribute(Field.metadata, typeKey, typeText);
      out.end(metric);
    }
    out.end(scope);
    out.end(whole);
  }

  /** A series begins. */
  begin(): void {
    this.#elements = 0;
  }

  /** One more sample, label, exemplar or histogram of the series, before it is read. Throws PayloadError when they are too many. */
  element(sample: boolean): void {
    const { maxRecordElements } = this.#limits;
    if (sample) this.#count.record();
    if (!sample && ++this.#elements > maxRecordElements) {
      throw new PayloadError(
        'too_large',
        `a series has more than ${maxRecordElements} labels, exemplars and histograms (CANARDSTACK_MAX_RECORD_ELEMENTS)`,
      );
    }
  }

  add(series: Series): void {
    const { labels, samples, histograms, exemplars } = series;
    const records = samples.length + histograms.length;
    const name = labels.find((label) => isNameLabel(label.name))?.value;
    const wrong =
      name === undefined || name.length === 0 ? 'malformed: without __name__' : this.#wrong(labels);
    if (wrong !== null || name === undefined) {
      const sentence = wrong ?? '';
      const reason = sentence.startsWith('malformed') ? 'malformed' : 'too_many_bytes';
      for (let i = 0; i < Math.max(records, 1); i++) this.#reject(reason, sentence);
      return;
    }
    const field = fieldOf(series.type, name);
    if (samples.length > 0 || (exemplars.length > 0 && histograms.length === 0)) {
      this.#metric(series, name, field);
      this.#numbers(series);
    }
    for (const [i, histogram] of histograms.entries()) {
      const own = i === histograms.length - 1 ? exemplars : [];
      this.#histogram(series, name, histogram, own);
    }
  }

  /** Why nothing of a series can be kept; null when nothing is wrong. */
  #wrong(labels: readonly Label[]): string | null {
    let bytes = 0;
    let sorted = true;
    let before: Buffer | null = null;
    for (const { name, value } of labels) {
      if (name.length === 0) return 'malformed: a label without a name';
      bytes += name.length + value.length;
      if (before !== null && !isBefore(before, name)) sorted = false;
      before = name;
    }
    if (bytes > this.#limits.maxRecordBytes) {
      return `too large: labels of more than ${this.#limits.maxRecordBytes} bytes (CANARDSTACK_MAX_RECORD_BYTES)`;
    }
    if (sorted) return null;
    const names = new Set<string>();
    for (const { name } of labels) {
      const text = name.toString('latin1');
      if (names.has(text))
        return `malformed: the label ${JSON.stringify(name.toString().slice(0, 100))} twice`;
      names.add(text);
    }
    return null;
  }

  #reject(reason: RejectionReason, sentence: string): void {
    this.#count.reject(reason, sentence);
  }

  #numbers({ labels, samples, exemplars }: Series): void {
    const out = this.#out;
    let attributes: { start: number; end: number } | null = null;
    const write = (point: () => void) => {
      const start = out.begin(1);
      if (attributes) {
        out.again(attributes.start, attributes.end);
      } else {
        const from = out.length;
        this.#attributes(7, labels);
        attributes = { start: from, end: out.length };
      }
      point();
      out.end(start);
    };
    // Exemplars may come without a sample.
    if (samples.length === 0) {
      write(() => {
        const ms = exemplars.at(-1)?.ms ?? 0;
        if (ms > 0) out.milliseconds(3, ms);
        for (const exemplar of exemplars) this.#exemplar(5, exemplar);
      });
    }
    for (const [i, { ms, value, stale, startMs }] of samples.entries()) {
      write(() => {
        this.#times(ms, startMs);
        if (stale) out.varint(8, ended);
        else out.double(4, value);
        if (i === samples.length - 1) for (const exemplar of exemplars) this.#exemplar(5, exemplar);
      });
    }
  }

  #histogram(series: Series, name: Buffer, histogram: NativeHistogram, exemplars: readonly Exemplar[]): void {
    const out = this.#out;
    const buckets = histogram.dense(this.#limits.maxRecordElements);
    if (typeof buckets === 'string') {
      this.#reject(buckets.startsWith('malformed') ? 'malformed' : 'too_many_elements', buckets);
      return;
    }
    const custom = isCustom(histogram.schema);
    this.#metric(series, name, custom ? Field.histogram : Field.exponentialHistogram, histogram.gauge);
    const start = out.begin(1);
    this.#attributes(custom ? 9 : 1, series.labels, false);
    this.#times(histogram.ms, histogram.startMs);
    if (histogram.stale) {
      out.varint(10, ended);
    } else {
      const { count, zeroCount } = histogram;
      out.fixed64(4, BigInt(whole(count)));
      out.double(5, histogram.sum);
      if (custom) {
        out.packedFixed64(6, buckets.positive.map(whole));
        out.packedDoubles(7, histogram.customValues);
      } else {
        out.varint(6, zigzag(histogram.schema));
        out.fixed64(7, BigInt(whole(zeroCount)));
        this.#buckets(8, buckets.positiveOffset, buckets.positive);
        this.#buckets(9, buckets.negativeOffset, buckets.negative);
        out.double(14, histogram.zeroThreshold);
      }
      const counts = [count, ...(custom ? [] : [zeroCount]), ...buckets.positive, ...buckets.negative];
      if (counts.some((one) => whole(one) !== one)) out.packedDoubles(floatCountsField, counts);
    }
    for (const exemplar of exemplars) this.#exemplar(custom ? 8 : 11, exemplar);
    out.end(start);
  }

  #buckets(field: number, offset: number, counts: readonly number[]): void {
    if (counts.length === 0) return;
    const start = this.#out.begin(field);
    this.#out.varint(1, zigzag(offset));
    this.#out.packedVarints(2, counts.map(whole));
    this.#out.end(start);
  }

  /** A time before 1970 is written as its beginning, which is too old as well. */
  #times(ms: number, startMs: number): void {
    if (startMs > 0) this.#out.milliseconds(2, startMs);
    if (ms > 0) this.#out.milliseconds(3, ms);
    else this.#out.fixed64(3, 1n);
  }

  /**
   * With `__name__` where names would not stay as they are when they were attributes', and with every native histogram; it tells
   * that these are labels.
   */
  #attributes(
    field: number,
    labels: readonly Label[],
    plain = labels.every(({ name }) => staysAsItIs(name)),
  ): void {
    for (const { name, value } of labels) {
      // An empty label is none.
      if (value.length === 0 || (plain && isNameLabel(name))) continue;
      this.#out.attribute(field, name, value);
    }
  }

  #exemplar(field: number, { labels, value, ms }: Exemplar): void {
    const out = this.#out;
    const start = out.begin(field);
    if (ms > 0) out.milliseconds(2, ms);
    out.double(3, value);
    // Told as with series.
    if (!labels.every(({ name }) => staysAsItIs(name))) out.attribute(7, nameLabel, empty);
    for (const label of labels) {
      const trace = label.name.equals(traceLabel) && isHex(label.value, 32);
      const span = label.name.equals(spanLabel) && isHex(label.value, 16);
      if (trace || span) out.bytes(trace ? 5 : 4, Buffer.from(label.value.toString('latin1'), 'hex'));
      else out.attribute(7, label.name, label.value);
    }
    out.end(start);
  }

  /** What follows are points of this metric; `gauge`: of a histogram that is no counter. */
  #metric({ help, unit }: Series, name: Buffer, field: Field, gauge = field === Field.gauge): void {
    const open = this.#open;
    const same = open?.field === field && open.gauge === gauge;
    if (same && open.name.equals(name) && open.help.equals(help) && open.unit.equals(unit)) return;
    this.#close();
    const metric = this.#out.begin(2);
    this.#out.bytes(Field.metricName, name);
    if (help.length > 0) this.#out.bytes(Field.description, help);
    if (unit.length > 0) this.#out.bytes(Field.unit, unit);
    const data = this.#out.begin(field);
    this.#open = { name, help, unit, field, gauge, metric, data };
  }

  #close(): void {
    if (this.#open === null) return;
    const { field, gauge, metric, data } = this.#open;
    // A histogram of neither temporality is a gauge.
    if (!gauge) this.#out.varint(2, cumulative);
    if (field === Field.sum) this.#out.varint(3, 1n);
    this.#out.end(data);
    this.#out.end(metric);
    this.#open = null;
  }
}

const underscore = 0x5f;

/** Whether a label's name is one that an attribute of that name becomes: letters, digits, underscores, neither digit nor single `_` first. */
function staysAsItIs(name: Buffer): boolean {
  const first = name[0] ?? 0;
  if (isDigit(first) || (first === underscore && name[1] !== underscore)) return false;
  for (let i = 0; i < name.length; i++) {
    const byte = name[i]!;
    if (byte !== underscore && !isDigit(byte) && ((byte | 32) < 0x61 || (byte | 32) > 0x7a)) return false;
  }
  return true;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function fieldOf(type: MetricType, name: Buffer): Field {
  if (type === 'unknown') return counterEnd.test(name.toString('latin1')) ? Field.sum : Field.gauge;
  return type === 'counter' ? Field.sum : Field.gauge;
}

function isHex(value: Buffer, length: number): boolean {
  return (
    value.length === length &&
    /^[0-9a-f]+$/.test(value.toString('latin1')) &&
    /[^0]/.test(value.toString('latin1'))
  );
}

function zigzag(value: number): bigint {
  return BigInt(((value << 1) ^ (value >> 31)) >>> 0);
}

/** What is told in the headers of the answer. */
export function writtenPoints({ notes }: Prepared, { points }: PayloadContext) {
  return { ...points, samples: points.samples - Number(notes?.['families'] ?? 0) };
}
