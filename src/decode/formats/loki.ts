import { malformed } from '../errors.js';
import { Source, truncated } from '../wire/source.js';
import { nanosecondsOf } from './document.js';
import type { Format, Given } from './format.js';
import { isObject, jsonBody } from './json-text.js';
import { LogRequest } from './log-request.js';
import { parseLabels, streamResource } from './loki-labels.js';

const scratch = new Source();

/**
 * Loki's push in JSON: `{"streams": [{"stream": {…}, "values": [["<ns>", "line", {…}], …]}]}`, or in the form of
 * /api/prom/push: `{"streams": [{"labels": "{…}", "entries": [{"ts": "<RFC 3339>", "line": "…"}]}]}`.
 */
export const lokiJson: Format = {
  column: 'loki_json',
  prepare(given) {
    const request = jsonBody(given);
    const streams = isObject(request) ? request['streams'] : undefined;
    if (!Array.isArray(streams)) throw malformed('streams must be an array');
    const out = new LogRequest(given);
    for (const [i, stream] of (streams as unknown[]).entries()) jsonStream(stream, `streams[${i}]`, out);
    return out.finish();
  },
};

function jsonStream(stream: unknown, where: string, out: LogRequest): void {
  if (!isObject(stream)) throw malformed(`${where} must be an object`);
  if (stream['stream'] === undefined && typeof stream['labels'] === 'string') {
    legacyStream(stream['labels'], stream['entries'] ?? [], where, out);
    return;
  }
  const { stream: labels = {}, values = [] } = stream;
  if (!isObject(labels)) throw malformed(`${where}.stream must be an object`);
  if (!Array.isArray(values)) throw malformed(`${where}.values must be an array`);
  const named = new Map<string, string>();
  for (const [name, value] of Object.entries(labels)) {
    if (typeof value !== 'string') throw malformed(`${where}.stream.${name.slice(0, 100)} must be a string`);
    named.set(name, value);
  }
  out.resource(streamResource(named));
  for (const [i, entry] of (values as unknown[]).entries()) {
    const [time, line, metadata = {}] = Array.isArray(entry) ? (entry as unknown[]) : [];
    const here = `${where}.values[${i}]`;
    if (typeof time !== 'string' || !/^-?\d{1,19}$/.test(time)) {
      throw malformed(`${here}[0] must be nanoseconds since the epoch, as a string`);
    }
    if (typeof line !== 'string') throw malformed(`${here}[1] must be a string`);
    if (!isObject(metadata)) throw malformed(`${here}[2] must be an object`);
    const timeNs = BigInt(time);
    out.record({ timeNs: timeNs === 0n ? 1n : timeNs, body: line, attributes: Object.entries(metadata) });
  }
}

function legacyStream(labels: string, entries: unknown, where: string, out: LogRequest): void {
  const parsed = parseLabels(labels);
  if (parsed === null) throw malformed(`${where}.labels are not a selector: ${labels.slice(0, 200)}`);
  if (!Array.isArray(entries)) throw malformed(`${where}.entries must be an array`);
  out.resource(streamResource(parsed));
  for (const [i, entry] of (entries as unknown[]).entries()) {
    const { ts, line } = isObject(entry) ? entry : {};
    const timeNs = typeof ts === 'string' ? nanosecondsOf(ts) : null;
    if (timeNs === null) throw malformed(`${where}.entries[${i}].ts must be a time as of RFC 3339`);
    if (typeof line !== 'string') throw malformed(`${where}.entries[${i}].line must be a string`);
    out.record({ timeNs: timeNs === 0n ? 1n : timeNs, body: line, attributes: [] });
  }
}

/** logproto.PushRequest: streams 1. */
export const lokiProtobuf: Format = {
  column: 'loki_protobuf',
  prepare(given) {
    given.take(given.body.length);
    scratch.load(given.body);
    try {
      const out = new LogRequest(given);
      const end = scratch.length;
      for (let pos = 0; pos < end;) {
        pos = scratch.tag(pos, end);
        if (scratch.lo !== 0x0a) {
          pos = scratch.skip(pos, end, scratch.lo);
          continue;
        }
        const from = scratch.open(pos, end);
        pos = scratch.to;
        readStream(from, pos, out, given);
      }
      return out.finish();
    } finally {
      scratch.release();
    }
  },
};

/** Stream: labels 1, entries 2. */
function readStream(start: number, end: number, out: LogRequest, given: Given): void {
  let labels = '{}';
  // Labels first: fields may come in any order.
  each(start, end, (tag, from, to) => {
    if (tag === 0x0a) labels = scratch.text(from, to - from);
  });
  const parsed = labels.length > given.limits.maxRecordBytes ? null : parseLabels(labels);
  if (parsed === null) throw malformed(`the labels of a stream are not a selector: ${labels.slice(0, 200)}`);
  out.resource(streamResource(parsed));
  each(start, end, (tag, from, to) => {
    if (tag === 0x12) readEntry(from, to, out, given.limits.maxRecordElements);
  });
}

/** Entry: timestamp 1 (seconds 1, nanos 2), line 2, structuredMetadata 3 (name 1, value 2). */
function readEntry(start: number, end: number, out: LogRequest, most: number): void {
  let line = '';
  let seconds = 0n;
  let nanos = 0n;
  const attributes: [string, string][] = [];
  each(start, end, (tag, from, to) => {
    if (tag === 0x12) line = scratch.text(from, to - from);
    else if (tag === 0x1a && attributes.length <= most) attributes.push(readPair(from, to));
    else if (tag === 0x0a) {
      for (let pos = from; pos < to;) {
        pos = scratch.tag(pos, to);
        const field = scratch.lo;
        pos = scratch.skip(pos, to, field);
        if (field === 0x08) seconds = varint();
        else if (field === 0x10) nanos = varint();
      }
    }
  });
  const timeNs = seconds * 1_000_000_000n + nanos;
  out.record({ timeNs: timeNs === 0n ? 1n : timeNs, body: line, attributes });
}

function readPair(start: number, end: number): [string, string] {
  const pair: [string, string] = ['', ''];
  each(start, end, (tag, from, to) => {
    if (tag === 0x0a) pair[0] = scratch.text(from, to - from);
    else if (tag === 0x12) pair[1] = scratch.text(from, to - from);
  });
  return pair;
}

/** The varint that was skipped last, as an int64. */
function varint(): bigint {
  return BigInt.asIntN(64, (BigInt(scratch.hi >>> 0) << 32n) | BigInt(scratch.lo >>> 0));
}

/** The length-delimited fields of a message. */
function each(pos: number, end: number, take: (tag: number, from: number, to: number) => void): void {
  while (pos < end) {
    pos = scratch.tag(pos, end);
    const tag = scratch.lo;
    if ((tag & 7) !== 2) {
      pos = scratch.skip(pos, end, tag);
      continue;
    }
    const from = scratch.open(pos, end);
    const { to } = scratch;
    pos = to;
    take(tag, from, to);
  }
  if (pos !== end) throw truncated(pos);
}
