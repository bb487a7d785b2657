import { ProtobufReader } from '../../grpc/index.js';
import { ProtobufWriter } from '../server/protobuf-writer.js';

/** Where the metrics of an answer tell how many of its parts are done: SearchMetrics, or MetadataMetrics of listings. */
export interface ProgressFields {
  readonly done: number;
  readonly of: number;
}

/** The answer, in whose metrics (field 2 of all of these messages) is told how many of its parts are done. */
export function withProgress(
  answer: Uint8Array,
  fields: ProgressFields,
  done: number,
  of: number,
): Uint8Array {
  const out = new ProtobufWriter();
  const progress = new ProtobufWriter();
  const told = [
    [fields.done, done],
    [fields.of, of],
  ] as const;
  for (const [field, value] of [...told].sort(([a], [b]) => a - b)) progress.uint(field, value);
  const metrics: Uint8Array[] = [];
  for (const { number, value } of new ProtobufReader(answer).fields()) {
    if (!(value instanceof Uint8Array)) continue;
    if (number === 2) metrics.push(value);
    else out.oneofBytes(number, value);
  }
  out.oneofBytes(2, Buffer.concat([...metrics, progress.finish()]));
  return out.finish();
}

/** Remembers what was sent of an answer in parts, and leaves it out of what is sent later. */
export interface Sent {
  /** The answer without what was sent already. */
  rest(answer: Uint8Array): Uint8Array;
  /** Whether as much was sent as may be. */
  readonly full: boolean;
}

/** Of answers that list their items in field 1. */
export class SentItems implements Sent {
  readonly #sent = new Set<string>();

  constructor(
    private readonly limit: number,
    private readonly keyOf: (item: Uint8Array) => string = keyOfBytes,
  ) {}

  get full(): boolean {
    return this.#sent.size >= this.limit;
  }

  rest(answer: Uint8Array): Uint8Array {
    const out = new ProtobufWriter();
    for (const { number, value } of new ProtobufReader(answer).fields()) {
      if (!(value instanceof Uint8Array)) continue;
      if (number === 1) {
        const key = this.keyOf(value);
        if (this.full || this.#sent.has(key)) continue;
        this.#sent.add(key);
      }
      out.oneofBytes(number, value);
    }
    return out.finish();
  }
}

/** Of SearchTagsV2Response, whose tags stand below their scopes. */
export class SentScopes implements Sent {
  readonly #scopes = new Map<string, SentItems>();
  readonly full = false;

  constructor(private readonly limit: number) {}

  rest(answer: Uint8Array): Uint8Array {
    const out = new ProtobufWriter();
    for (const { number, value } of new ProtobufReader(answer).fields()) {
      if (!(value instanceof Uint8Array)) continue;
      if (number !== 1) {
        out.oneofBytes(number, value);
        continue;
      }
      const [name, tags] = scopeOf(value);
      const key = keyOfBytes(name);
      const sent = this.#scopes.get(key) ?? new SentItems(this.limit);
      this.#scopes.set(key, sent);
      const left = new ProtobufReader(sent.rest(tags)).fields();
      const rest = [...left].flatMap((field) => (field.value instanceof Uint8Array ? [field.value] : []));
      if (rest.length === 0) continue;
      out.message(1, () => {
        out.oneofBytes(1, name);
        for (const tag of rest) out.oneofBytes(2, tag);
      });
    }
    return out.finish();
  }
}

/** The name of a scope, and its tags as a message that lists them in field 1. */
function scopeOf(scope: Uint8Array): [name: Uint8Array, tags: Uint8Array] {
  const tags = new ProtobufWriter();
  let name: Uint8Array = new Uint8Array();
  for (const { number, value } of new ProtobufReader(scope).fields()) {
    if (!(value instanceof Uint8Array)) continue;
    if (number === 1) name = value;
    else tags.oneofBytes(1, value);
  }
  return [name, tags.finish()];
}

function keyOfBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** The id of a trace, which is the first field of its message. */
export function traceIdOf(trace: Uint8Array): string {
  for (const { number, value } of new ProtobufReader(trace).fields()) {
    if (number === 1 && value instanceof Uint8Array) return keyOfBytes(value);
  }
  return '';
}
