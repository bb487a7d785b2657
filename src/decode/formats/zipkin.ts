import { malformed } from '../errors.js';
import { WireWriter } from '../wire/wire-writer.js';
import type { Format } from './format.js';
import { isObject, jsonBody } from './json-text.js';
import { writeAttribute } from './log-request.js';
import { RecordCount } from './rejected.js';
import { readEvent, readTags, writeLinks } from './zipkin-tags.js';

const kinds: ReadonlyMap<unknown, bigint> = new Map([
  ['SERVER', 2n],
  ['CLIENT', 3n],
  ['PRODUCER', 4n],
  ['CONSUMER', 5n],
]);
const internal = 1n;
/** Zipkin's limits are microseconds in an int64. */
const maxMicros = 2 ** 53;

/** Zipkin's spans, version 2 of its JSON (zipkin2-api.yaml), with the attributes that OpenTelemetry gives them. */
export const zipkinJson: Format = {
  column: 'zipkin_json',
  prepare(given) {
    const spans = jsonBody(given);
    if (!Array.isArray(spans)) throw malformed('the body must be an array of spans');
    const count = new RecordCount(given.limits);
    const out = new WireWriter(given.body.length, {
      maxBytes: given.limits.maxRequestRowBytes,
      take: given.take,
    });
    for (const span of spans as unknown[]) {
      const why = isObject(span) ? writeSpan(out, span, given.receivedAtNs) : 'a span is not an object';
      if (why === null) count.record();
      else count.reject('malformed', `malformed: ${why}`);
    }
    return { request: out.finish(), rejected: count.rejected };
  },
};

/** Why it can't be written, or null. Each span has a resource of its own, for spans name their service themselves. */
function writeSpan(out: WireWriter, span: Record<string, unknown>, receivedAtNs: bigint): string | null {
  const [traceId, id] = [hex(span['traceId'], 32), hex(span['id'], 16)];
  if (traceId === null) return 'traceId must be 16 or 32 hexadecimal digits';
  if (id === null) return 'id must be 16 hexadecimal digits';
  const { name, kind, localEndpoint, remoteEndpoint } = span;
  const tags = new Map(Object.entries(isObject(span['tags']) ? span['tags'] : {}));
  const annotations = (Array.isArray(span['annotations']) ? (span['annotations'] as unknown[]) : []).filter(
    (one): one is Record<string, unknown> => isObject(one),
  );
  // A span that its reporter never saw begin has none.
  const start = micros(span['timestamp'] ?? annotations[0]?.['timestamp'] ?? Number(receivedAtNs / 1000n));
  const length = micros(span['duration'] ?? 0);
  if (start === null || length === null) return 'timestamp and duration must be microseconds';
  const service = isObject(localEndpoint) ? localEndpoint['serviceName'] : undefined;
  const told = readTags(tags, typeof service === 'string' ? service : '');
  const outer = out.begin(1);
  const resource = out.begin(1);
  for (const [key, value] of told.resource) writeAttribute(out, 1, key, value);
  out.end(resource);
  const scoped = out.begin(2);
  const scope = out.begin(1);
  if (told.scope.name !== '') out.string(1, told.scope.name);
  if (told.scope.version !== '') out.string(2, told.scope.version);
  out.end(scope);
  const at = out.begin(2);
  out.bytes(1, traceId);
  out.bytes(2, id);
  if (told.traceState !== '') out.string(3, told.traceState);
  const parent = hex(span['parentId'], 16);
  if (parent !== null) out.bytes(4, parent);
  if (typeof name === 'string') out.string(5, name);
  out.varint(6, kinds.get(kind) ?? internal);
  out.fixed64(7, start * 1000n);
  out.fixed64(8, (start + length) * 1000n);
  for (const [key, value] of told.attributes) {
    if (key !== 'span.kind' || value !== 'internal') writeAttribute(out, 9, key, value);
  }
  endpoint(out, localEndpoint, 'network.local.address', 'network.local.port');
  endpoint(out, remoteEndpoint, 'network.peer.address', 'network.peer.port');
  if (isObject(remoteEndpoint) && typeof remoteEndpoint['serviceName'] === 'string') {
    writeAttribute(out, 9, 'peer.service', remoteEndpoint['serviceName']);
  }
  for (const annotation of annotations) {
    if (typeof annotation['value'] === 'string') {
      writeEvent(out, annotation['value'], micros(annotation['timestamp']) ?? start);
    }
  }
  writeLinks(out, told.links);
  if (told.status !== 0n) {
    const status = out.begin(15);
    if (told.message !== '') out.string(2, told.message);
    out.varint(3, told.status);
    out.end(status);
  }
  out.end(at);
  out.end(scoped);
  out.end(outer);
  return null;
}

function writeEvent(out: WireWriter, value: string, at: bigint): void {
  const { name, attributes } = readEvent(value);
  const event = out.begin(11);
  out.fixed64(1, at * 1000n);
  out.string(2, name);
  for (const [key, member] of Object.entries(attributes)) writeAttribute(out, 3, key, member);
  out.end(event);
}

function endpoint(out: WireWriter, value: unknown, address: string, port: string): void {
  if (!isObject(value)) return;
  const ip = value['ipv4'] ?? value['ipv6'];
  if (typeof ip === 'string') writeAttribute(out, 9, address, ip);
  if (typeof value['port'] === 'number') writeAttribute(out, 9, port, value['port']);
}

/** Shorter identifiers have zeros in front. */
function hex(value: unknown, digits: number): Buffer | null {
  if (
    typeof value !== 'string' ||
    value.length === 0 ||
    value.length > digits ||
    !/^[0-9a-fA-F]+$/.test(value)
  )
    return null;
  return Buffer.from(value.padStart(digits, '0'), 'hex');
}

function micros(value: unknown): bigint | null {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !(number >= 0) || number > maxMicros) return null;
  return BigInt(Math.round(number));
}
