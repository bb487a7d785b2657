import { malformed } from '../errors.js';
import { Source, truncated } from '../wire/source.js';
import type { Format, Given } from './format.js';
import { NativeHistogram, signed64 } from './native-histogram.js';
import { PrometheusSeries, writtenPoints } from './prometheus-series.js';
import { isStale } from './prometheus-stale.js';
import type { Exemplar, FamilyMetadata, Label, Sample } from './prometheus-types.js';

const none: Buffer = Buffer.alloc(0);
const scratch = new Source();
/** What a family's metadata takes here beside its text. */
const familyBytes = 400;

/** MetricMetadata's types, by number. */
const metadataTypes = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
];

/** prometheus.WriteRequest (Remote-Write 1.0): series 1; metadata 3, which stands apart from its series. */
export const remoteWrite1: Format = {
  column: 'prometheus_remote_write_1',
  prometheusNames: true,
  notes: writtenPoints,
  prepare(given) {
    given.take(given.body.length);
    scratch.load(given.body);
    try {
      const series = new PrometheusSeries(given);
      const families: FamilyMetadata[] = [];
      const end = scratch.length;
      let labels: readonly Label[] = [];
      for (let pos = 0; pos < end;) {
        pos = scratch.tag(pos, end);
        if (scratch.lo === 0x22 || scratch.lo === 0x2a) {
          throw malformed('the body is an io.prometheus.write.v2.Request; the content-type says 1.0');
        }
        const tag = scratch.lo;
        if (tag !== 0x0a && tag !== 0x1a) {
          pos = scratch.skip(pos, end, tag);
          continue;
        }
        const from = scratch.open(pos, end);
        pos = scratch.to;
        if (tag === 0x0a) labels = readSeries(from, pos, series, given, labels);
        else {
          series.element(true);
          given.take(familyBytes);
          const family = readMetadata(from, pos);
          if (family.name.length > 0) families.push(family);
        }
      }
      return series.finish(families);
    } finally {
      scratch.release();
    }
  },
};

/** prometheus.TimeSeries: labels 1, samples 2, exemplars 3, histograms 4. Gives its labels; `before` are those of the one before. */
function readSeries(
  pos: number,
  end: number,
  out: PrometheusSeries,
  { limits }: Given,
  before: readonly Label[],
): readonly Label[] {
  const most = limits.maxRecordElements;
  const labels: Label[] = [];
  const samples: Sample[] = [];
  const exemplars: Exemplar[] = [];
  const histograms: NativeHistogram[] = [];
  out.begin();
  while (pos < end) {
    pos = scratch.tag(pos, end);
    const tag = scratch.lo;
    if ((tag & 7) !== 2 || tag >>> 3 > 4) {
      pos = scratch.skip(pos, end, tag);
      continue;
    }
    const from = scratch.open(pos, end);
    pos = scratch.to;
    out.element(tag === 0x12);
    if (tag === 0x0a) labels.push(readLabel(from, pos, before[labels.length]));
    else if (tag === 0x12) samples.push(readSample(scratch, from, pos));
    else if (tag === 0x1a) exemplars.push(readExemplar(from, pos));
    else histograms.push(NativeHistogram.read(scratch, from, pos, most));
  }
  if (pos !== end) throw truncated(pos);
  out.add({ labels, type: 'unknown', help: none, unit: none, samples, histograms, exemplars });
  return labels;
}

/** The same bytes at the same place of the label before are the same Buffer: neighbours differ in little. */
function slice(pos: number, end: number, before?: Buffer): Buffer {
  if (before?.length === end - pos) {
    const { bytes } = scratch;
    let i = 0;
    while (i < before.length && before[i] === bytes[pos + i]) i++;
    if (i === before.length) return before;
  }
  return Buffer.from(scratch.bytes.buffer, pos, end - pos);
}

function readLabel(pos: number, end: number, before?: Label): Label {
  let name: Buffer = none;
  let value: Buffer = none;
  while (pos < end) {
    pos = scratch.tag(pos, end);
    const tag = scratch.lo;
    if (tag !== 0x0a && tag !== 0x12) {
      pos = scratch.skip(pos, end, tag);
      continue;
    }
    const from = scratch.open(pos, end);
    pos = scratch.to;
    if (tag === 0x0a) name = slice(from, pos, before?.name);
    else value = slice(from, pos, before?.value);
  }
  if (pos !== end) throw truncated(pos);
  return { name, value };
}

/** prometheus.MetricMetadata: type 1, metric_family_name 2, help 4, unit 5. */
function readMetadata(pos: number, end: number): FamilyMetadata {
  let type = 0;
  const texts = new Map<number, Buffer>();
  while (pos < end) {
    pos = scratch.tag(pos, end);
    const tag = scratch.lo;
    if (tag === 0x08) {
      pos = scratch.varint(pos, end);
      type = scratch.lo >>> 0;
    } else if ((tag & 7) === 2 && tag >>> 3 < 6) {
      const from = scratch.open(pos, end);
      pos = scratch.to;
      texts.set(tag >>> 3, slice(from, pos));
    } else pos = scratch.skip(pos, end, tag);
  }
  if (pos !== end) throw truncated(pos);
  const [name = none, help = none, unit = none] = [2, 4, 5].map((field) => texts.get(field));
  return { name, type: metadataTypes[type] ?? 'unknown', help, unit };
}

/** Sample of both versions: value 1, timestamp 2, and of later ones start_timestamp 3. */
export function readSample(source: Source, pos: number, end: number): Sample {
  const { view } = source;
  let value = 0;
  let ms = 0;
  let startMs = 0;
  let stale = false;
  while (pos < end) {
    pos = source.tag(pos, end);
    const tag = source.lo;
    if (tag === 0x09) {
      stale = isStale(view.getUint32(pos, true), view.getUint32(pos + 4, true));
      value = view.getFloat64(pos, true);
      pos += 8;
    } else if (tag === 0x10) {
      pos = source.varint(pos, end);
      ms = signed64(source);
    } else if (tag === 0x18) {
      pos = source.varint(pos, end);
      startMs = signed64(source);
    } else pos = source.skip(pos, end, tag);
  }
  if (pos !== end) throw truncated(pos);
  return { value, ms, startMs, stale };
}

function readExemplar(pos: number, end: number): Exemplar {
  const labels: Label[] = [];
  let value = 0;
  let ms = 0;
  while (pos < end) {
    pos = scratch.tag(pos, end);
    const tag = scratch.lo;
    if (tag === 0x0a) {
      const from = scratch.open(pos, end);
      pos = scratch.to;
      labels.push(readLabel(from, pos));
    } else if (tag === 0x11) {
      value = scratch.view.getFloat64(pos, true);
      pos += 8;
    } else if (tag === 0x18) {
      pos = scratch.varint(pos, end);
      ms = signed64(scratch);
    } else pos = scratch.skip(pos, end, tag);
  }
  if (pos !== end) throw truncated(pos);
  return { labels, value, ms };
}
