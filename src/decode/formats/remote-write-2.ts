import { malformed, PayloadError } from '../errors.js';
import { Slices } from '../wire/slices.js';
import { Source, truncated } from '../wire/source.js';
import type { Format, Given } from './format.js';
import { NativeHistogram, signed64 } from './native-histogram.js';
import { PrometheusSeries, writtenPoints } from './prometheus-series.js';
import type { Exemplar, Label, MetricType, Sample } from './prometheus-types.js';
import { readSample } from './remote-write-1.js';

const scratch = new Source();
/** What a symbol or a series takes here beside its text. */
const sliceBytes = 8;
/** Names and values that most series share come first, and these are few enough to be kept. */
const mostKnown = 10_000;
/** Of the types that metadata tells, those whose samples are not gauges. */
const types: readonly MetricType[] = [
  'unknown',
  'counter',
  'gauge',
  'unknown',
  'gauge',
  'unknown',
  'gauge',
  'gauge',
];

/** io.prometheus.write.v2.Request (Remote-Write 2.0): symbols 4, timeseries 5. */
export const remoteWrite2: Format = {
  column: 'prometheus_remote_write_2',
  prometheusNames: true,
  notes: writtenPoints,
  prepare(given) {
    given.take(given.body.length);
    scratch.load(given.body);
    try {
      const [symbols, series] = [new Slices(), new Slices()];
      const end = scratch.length;
      for (let pos = 0; pos < end;) {
        pos = scratch.tag(pos, end);
        const tag = scratch.lo;
        // Reserved in 2.0, so that it is told from 1.0 and nothing is lost silently.
        if (tag === 0x0a) throw malformed('the body is a prometheus.WriteRequest; the content-type says 2.0');
        if (tag !== 0x22 && tag !== 0x2a) {
          pos = scratch.skip(pos, end, tag);
          continue;
        }
        const from = scratch.open(pos, end);
        pos = scratch.to;
        // Doubles as it grows.
        if (((symbols.length + series.length) & 1023) === 0) given.take(1024 * sliceBytes * 2);
        (tag === 0x22 ? symbols : series).add(from, pos);
      }
      if (symbols.length > 0 && symbols.end(0) !== symbols.start(0)) {
        throw malformed('the first of the symbols must be empty');
      }
      const out = new PrometheusSeries(given);
      const known: Buffer[] = [];
      for (let i = 0; i < series.length; i++) {
        new SeriesReader(symbols, known, given).read(series.start(i), series.end(i), out);
      }
      return out.finish();
    } finally {
      scratch.release();
    }
  },
};

class SeriesReader {
  #type: MetricType = 'unknown';
  #help: Buffer = Buffer.alloc(0);
  #unit: Buffer = Buffer.alloc(0);
  #createdMs = 0;

  constructor(
    private readonly symbols: Slices,
    /** The first of the symbols that were asked for. */
    private readonly known: (Buffer | undefined)[],
    private readonly given: Given,
  ) {}

  /** TimeSeries: labels_refs 1, samples 2, histograms 3, exemplars 4, metadata 5, created_timestamp 6. */
  read(pos: number, end: number, out: PrometheusSeries): void {
    const most = this.given.limits.maxRecordElements;
    const refs: number[] = [];
    const samples: Sample[] = [];
    const exemplars: Exemplar[] = [];
    const histograms: NativeHistogram[] = [];
    out.begin();
    while (pos < end) {
      pos = scratch.tag(pos, end);
      const tag = scratch.lo;
      if (tag === 0x08 || tag === 0x0a) {
        pos = readRefs(pos, end, tag, refs, most);
        continue;
      }
      if (tag === 0x30) {
        pos = scratch.varint(pos, end);
        this.#createdMs = signed64(scratch);
        continue;
      }
      if ((tag & 7) !== 2 || tag >>> 3 > 5) {
        pos = scratch.skip(pos, end, tag);
        continue;
      }
      const from = scratch.open(pos, end);
      pos = scratch.to;
      out.element(tag === 0x12);
      if (tag === 0x12) samples.push(readSample(scratch, from, pos));
      else if (tag === 0x1a) histograms.push(NativeHistogram.read(scratch, from, pos, most));
      else if (tag === 0x22) exemplars.push(this.#exemplar(from, pos));
      else this.#metadata(from, pos);
    }
    if (pos !== end) throw truncated(pos);
    for (const histogram of histograms) histogram.startMs ||= this.#createdMs;
    out.add({
      labels: this.#labels(refs),
      type: this.#type,
      help: this.#help,
      unit: this.#unit,
      samples: this.#createdMs === 0 ? samples : samples.map((one) => this.#since(one)),
      histograms,
      exemplars,
    });
  }

  #since(sample: Sample): Sample {
    return sample.startMs === 0 ? { ...sample, startMs: this.#createdMs } : sample;
  }

  #labels(refs: readonly number[]): Label[] {
    if (refs.length % 2 !== 0) throw malformed('labels_refs must have a reference to a value for each name');
    const labels: Label[] = [];
    for (let i = 0; i < refs.length; i += 2) {
      labels.push({ name: this.#symbol(refs[i] ?? 0), value: this.#symbol(refs[i + 1] ?? 0) });
    }
    return labels;
  }

  #symbol(ref: number): Buffer {
    const { symbols, known } = this;
    const before = known[ref];
    if (before) return before;
    if (ref >= symbols.length)
      throw malformed(`the reference ${ref} is to none of the ${symbols.length} symbols`);
    const [start, end] = [symbols.start(ref), symbols.end(ref)];
    const symbol = Buffer.from(scratch.bytes.buffer, start, end - start);
    if (ref < mostKnown) known[ref] = symbol;
    return symbol;
  }

  /** Exemplar: labels_refs 1, value 2, timestamp 3. */
  #exemplar(pos: number, end: number): Exemplar {
    const refs: number[] = [];
    let value = 0;
    let ms = 0;
    while (pos < end) {
      pos = scratch.tag(pos, end);
      const tag = scratch.lo;
      if (tag === 0x08 || tag === 0x0a)
        pos = readRefs(pos, end, tag, refs, this.given.limits.maxRecordElements);
      else if (tag === 0x11) {
        value = scratch.view.getFloat64(pos, true);
        pos += 8;
      } else if (tag === 0x18) {
        pos = scratch.varint(pos, end);
        ms = signed64(scratch);
      } else pos = scratch.skip(pos, end, tag);
    }
    if (pos !== end) throw truncated(pos);
    return { labels: this.#labels(refs), value, ms };
  }

  /** Metadata: type 1, help_ref 3, unit_ref 4. */
  #metadata(pos: number, end: number): void {
    while (pos < end) {
      pos = scratch.tag(pos, end);
      const tag = scratch.lo;
      if (tag !== 0x08 && tag !== 0x18 && tag !== 0x20) {
        pos = scratch.skip(pos, end, tag);
        continue;
      }
      pos = scratch.varint(pos, end);
      const value = scratch.lo >>> 0;
      if (tag === 0x08) this.#type = types[value] ?? 'unknown';
      else if (tag === 0x18) this.#help = this.#symbol(value);
      else this.#unit = this.#symbol(value);
    }
    if (pos !== end) throw truncated(pos);
  }
}

/** A repeated uint32, packed or not; `most` pairs of them. */
function readRefs(pos: number, end: number, tag: number, into: number[], most: number): number {
  if (into.length > most * 2) throw tooManyLabels(most);
  if (tag === 0x08) {
    pos = scratch.varint(pos, end);
    into.push(scratch.lo >>> 0);
    return pos;
  }
  let from = scratch.open(pos, end);
  const { to } = scratch;
  while (from < to) {
    from = scratch.varint(from, to);
    into.push(scratch.lo >>> 0);
    if (into.length > most * 2) throw tooManyLabels(most);
  }
  return to;
}

function tooManyLabels(most: number): PayloadError {
  return new PayloadError(
    'too_large',
    `a series has more than ${most} labels (CANARDSTACK_MAX_RECORD_ELEMENTS)`,
  );
}
