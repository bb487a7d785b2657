import type { RejectionReason } from '../../schema/index.js';
import { WireWriter } from '../wire/wire-writer.js';
import type { Given, Prepared } from './format.js';
import { RecordCount } from './rejected.js';

/** One log record, from a protocol whose values are JSON's. */
export interface LogEntry {
  /** Nanoseconds since the epoch; 0 for the time of receipt. */
  readonly timeNs: bigint;
  readonly body?: unknown;
  readonly attributes: Iterable<readonly [string, unknown]>;
  readonly severityText?: string;
  /** OTLP's, 1 to 24. */
  readonly severityNumber?: number;
}

type Attributes = readonly (readonly [string, unknown])[];

/** Whether two resources are one; of values that are objects it does not know. */
function alike(some: Attributes, others: Attributes): boolean {
  if (some.length !== others.length) return false;
  for (let i = 0; i < some.length; i++) {
    if (some[i]?.[0] !== others[i]?.[0] || some[i]?.[1] !== others[i]?.[1]) return false;
  }
  return true;
}

/** Deeper values are kept as JSON text, since attributes of OTLP are not nested without end. */
const maxDepth = 20;
const maxUint64 = (1n << 64n) - 1n;

/** Writes an export request of logs, resource by resource. */
export class LogRequest {
  readonly #out: WireWriter;
  readonly #count: RecordCount;
  #open: { attributes: Attributes; starts: readonly number[] } | null = null;

  constructor({ body, limits, take }: Given) {
    this.#count = new RecordCount(limits);
    this.#out = new WireWriter(body.length, { maxBytes: limits.maxRequestRowBytes, take });
  }

  /** What follows is of this resource. */
  resource(attributes: Attributes): void {
    if (this.#open && alike(this.#open.attributes, attributes)) return;
    this.#close();
    const out = this.#out;
    const outer = out.begin(1);
    const resource = out.begin(1);
    for (const [name, value] of attributes) writeAttribute(out, 1, name, value);
    out.end(resource);
    this.#open = { attributes, starts: [outer, out.begin(2)] };
  }

  record({ timeNs, body, attributes, severityText, severityNumber }: LogEntry): void {
    this.#count.record();
    if (this.#open === null) this.resource([]);
    const out = this.#out;
    const start = out.begin(2);
    // What lies before 1970 is too old all the same, and what is past all numbers too far ahead.
    if (timeNs !== 0n) out.fixed64(1, timeNs < 0n ? 1n : timeNs > maxUint64 ? maxUint64 : timeNs);
    if (severityNumber !== undefined) out.varint(2, BigInt(severityNumber));
    if (severityText !== undefined) out.string(3, severityText);
    if (body !== undefined) {
      const at = out.begin(5);
      writeValue(out, body, 0);
      out.end(at);
    }
    for (const [name, value] of attributes) {
      const id = idOf(name, value);
      if (id) out.bytes(id.field, id.bytes);
      else writeAttribute(out, 6, name, value);
    }
    out.end(start);
  }

  reject(reason: RejectionReason, sentence: string): void {
    this.#count.reject(reason, sentence);
  }

  finish(notes?: Prepared['notes']): Prepared {
    this.#close();
    return { request: this.#out.finish(), rejected: this.#count.rejected, ...(notes && { notes }) };
  }

  #close(): void {
    for (const start of [...(this.#open?.starts ?? [])].reverse()) this.#out.end(start);
    this.#open = null;
  }
}

const ids: ReadonlyMap<string, { readonly field: number; readonly digits: number }> = new Map([
  ['trace_id', { field: 9, digits: 32 }],
  ['trace.id', { field: 9, digits: 32 }],
  ['traceId', { field: 9, digits: 32 }],
  ['traceid', { field: 9, digits: 32 }],
  ['span_id', { field: 10, digits: 16 }],
  ['span.id', { field: 10, digits: 16 }],
  ['spanId', { field: 10, digits: 16 }],
  ['spanid', { field: 10, digits: 16 }],
]);

/** The field of LogRecord for an attribute that is one of the identifiers of a span. */
function idOf(name: string, value: unknown): { field: number; bytes: Buffer } | null {
  const id = ids.get(name);
  if (id === undefined || typeof value !== 'string' || value.length !== id.digits) return null;
  return /^[0-9a-fA-F]+$/.test(value) ? { field: id.field, bytes: Buffer.from(value, 'hex') } : null;
}

export function writeAttribute(out: WireWriter, field: number, name: string, value: unknown): void {
  const start = out.begin(field);
  out.string(1, name);
  const at = out.begin(2);
  writeValue(out, value, 0);
  out.end(at);
  out.end(start);
}

/** AnyValue of a value as JSON.parse gives it, or of bytes; null is the empty one. */
function writeValue(out: WireWriter, value: unknown, depth: number): void {
  switch (typeof value) {
    case 'string':
      return out.string(1, value);
    case 'boolean':
      return out.varint(2, value ? 1n : 0n);
    case 'number':
      if (!Number.isSafeInteger(value)) return out.double(4, value);
      return value >= 0 && value < 2 ** 31 ? out.small(3, value) : out.varint(3, BigInt(value));
    case 'object':
      break;
    default:
      return;
  }
  if (value === null) return;
  if (value instanceof Uint8Array) return out.bytes(7, value);
  if (depth >= maxDepth) return out.string(1, JSON.stringify(value));
  const list = out.begin(Array.isArray(value) ? 5 : 6);
  if (Array.isArray(value)) {
    for (const one of value as unknown[]) {
      const at = out.begin(1);
      writeValue(out, one, depth + 1);
      out.end(at);
    }
  } else {
    for (const [name, member] of Object.entries(value)) {
      const at = out.begin(1);
      out.string(1, name);
      const inner = out.begin(2);
      writeValue(out, member, depth + 1);
      out.end(inner);
      out.end(at);
    }
  }
  out.end(list);
}
