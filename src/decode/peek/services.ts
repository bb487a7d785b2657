import { defaultDecodeLimits, type Payload, type Signal } from '../../schema/index.js';
import { formatNamed } from '../formats/index.js';
import { IgnoredFields } from '../json/ignored.js';
import { decompress } from '../wire/decompress.js';

const mostServices = 20;

/**
 * The distinct `service.name`s of a request's resources, at most 20, found without decoding its records. Throws
 * PayloadError when the body can't be decompressed within `maxBytes`, and an Error when it is not what it claims to be.
 */
export function servicesOf(signal: Signal, payload: Payload, maxBytes: number): string[] {
  const body = decompress(payload.body, payload.encoding, maxBytes);
  const found = new Set<string>();
  if (payload.format === 'json') fromJson(JSON.parse(Buffer.from(body).toString('utf8')), found);
  else {
    const { parameters = '', receivedAtNs, limits = defaultDecodeLimits } = payload;
    const given = {
      signal,
      body,
      parameters,
      receivedAtNs,
      limits,
      take: () => {},
      ignored: new IgnoredFields(),
    };
    const { request } = formatNamed(payload.format).prepare(given);
    fromProtobuf(Buffer.from(request.buffer, request.byteOffset, request.byteLength), found);
  }
  return [...found];
}

interface JsonResource {
  readonly resource?: {
    readonly attributes?: readonly {
      readonly key?: unknown;
      readonly value?: { readonly stringValue?: unknown };
    }[];
  };
}

function fromJson(request: unknown, found: Set<string>): void {
  const { resourceLogs, resourceSpans, resourceMetrics } = request as Readonly<Record<string, unknown>>;
  for (const resources of [resourceLogs, resourceSpans, resourceMetrics]) {
    if (!Array.isArray(resources)) continue;
    for (const { resource } of resources as readonly JsonResource[]) {
      for (const { key: name, value } of resource?.attributes ?? []) {
        if (found.size === mostServices) return;
        if (name === 'service.name' && typeof value?.stringValue === 'string') found.add(value.stringValue);
      }
    }
  }
}

/** Field numbers of opentelemetry/proto: Export*Request.resource_* 1, Resource* .resource 1, .attributes 1, key 1, value 2. */
function fromProtobuf(body: Buffer, found: Set<string>): void {
  for (const resourceEntry of fields(body, 1)) {
    for (const resource of fields(resourceEntry, 1)) {
      for (const attribute of fields(resource, 1)) {
        if (found.size === mostServices) return;
        const [key] = fields(attribute, 1);
        if (key?.toString('utf8') !== 'service.name') continue;
        for (const value of fields(attribute, 2))
          for (const text of fields(value, 1)) found.add(text.toString('utf8'));
      }
    }
  }
}

/** The length-delimited fields of number `wanted`. */
function* fields(message: Buffer, wanted: number): Generator<Buffer> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= message.length) throw new Error('the message is cut short');
      const byte = message[at++] as number;
      if (shift < 49) value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw new Error('a number is too long');
  };
  while (at < message.length) {
    const tag = varint();
    const [number, type] = [Math.floor(tag / 8), tag & 7];
    if (type === 0) varint();
    else if (type === 1) at += 8;
    else if (type === 5) at += 4;
    else if (type === 2) {
      const length = varint();
      if (at + length > message.length) throw new Error('the message is cut short');
      if (number === wanted) yield message.subarray(at, at + length);
      at += length;
    } else throw new Error('not protobuf');
  }
}
