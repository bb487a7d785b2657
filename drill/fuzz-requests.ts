/** Random export requests for the fuzz drill, well-formed and at the edges of what is allowed. */
import type { Signal } from '../src/schema/index.js';
import type { Attributes, DoorRecord } from './doors/doors.js';
import { requestSpecs, type FieldSpec, type MessageSpec, type Scalar } from '../src/decode/json/schema.js';
import { bytes, concat, double, fixed32, fixed64, message, text, uint } from '../test/support/protobuf.js';

/** Reproducible from its seed alone (splitmix32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return (x ^ (x >>> 15)) >>> 0;
  }

  below(count: number): number {
    return Math.floor((this.next() / 2 ** 32) * count);
  }

  chance(probability: number): boolean {
    return this.next() / 2 ** 32 < probability;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.next() & 255);
  }
}

const now = 1_790_000_000_123_456_789n;
const words = [
  '',
  'a',
  'service.name',
  'http.request.method',
  'exactly12chr',
  'thirteen char',
  'quotes " and \\ and \n',
  'zażółć gęślą jaźń',
  '🦆🦆🦆',
  '\u0000\u0001\u001f',
  'a longer text that goes to the arena and has nothing special in it at all',
];
const integers = [0n, 1n, 127n, 128n, 300n, 2n ** 31n - 1n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n - 1n];
const doubles = [0, -0, 1, 0.1, -2.5, 1e300, 5e-324, NaN, Infinity, -Infinity];

function string(random: Random): string {
  return random.chance(0.02) ? 'long '.repeat(random.below(3000)) : random.pick(words);
}

function time(random: Random): bigint {
  return random.chance(0.8)
    ? now + BigInt(random.below(1000))
    : random.pick([0n, 1n, now * 2n, 2n ** 64n - 1n]);
}

function identifier(random: Random): Uint8Array {
  return random.bytes(random.pick([16, 16, 16, 8, 8, 8, 0, 3]));
}

/** Of a record by a protocol beside OTLP; names and values as odd as OTLP's. */
export function doorAttributes(random: Random): Attributes {
  return Object.fromEntries(
    Array.from({ length: count(random) }, () => [
      random.chance(0.05) ? '__proto__' : string(random),
      random.pick([string(random), random.pick(doubles), random.chance(0.5)]),
    ]),
  );
}

export function doorRecord(random: Random, nowMs: number): DoorRecord {
  return {
    ms: random.chance(0.8) ? nowMs + random.below(1000) : random.pick([0, 1, nowMs * 2, 8.64e15]),
    id: string(random),
    ...(random.chance(0.5) && { level: random.pick(['error', 'WARN', '', '7', 'ünï']) }),
    value: random.pick(doubles),
    attributes: doorAttributes(random),
  };
}

/** Deep enough to reach the limit of nesting now and then. */
function tooDeep(random: Random, depth: number): boolean {
  return depth > 12 && !random.chance(depth > 100 ? 0 : 0.97);
}

function count(random: Random): number {
  return random.chance(0.01) ? random.below(200) : random.below(4);
}

export function protobufBytes(random: Random, signal: Signal): Uint8Array {
  return protobufMessage(random, requestSpecs[signal], 0);
}

function protobufMessage(random: Random, spec: MessageSpec, depth: number): Uint8Array {
  const fields: Uint8Array[] = [];
  for (const field of Object.values(spec)) {
    if (!random.chance(depth < 4 ? 0.9 : depth < 12 ? 0.5 : 0.3)) continue;
    const times = field.repeated ? count(random) : random.chance(0.02) ? 2 : 1;
    for (let i = 0; i < times; i++) fields.push(protobufField(random, field, depth + 1));
  }
  if (random.chance(0.03)) fields.push(text(random.below(2000) + 20, string(random)));
  if (random.chance(0.1)) fields.sort(() => (random.chance(0.5) ? 1 : -1));
  return concat(fields);
}

function protobufField(random: Random, { number, type }: FieldSpec, depth: number): Uint8Array {
  if (typeof type === 'string') return protobufScalar(random, number, type);
  if ('names' in type) return uint(number, random.pick([0, 1, 2, 9, 99, -1]));
  return tooDeep(random, depth)
    ? message(number)
    : bytes(number, protobufMessage(random, type.message, depth));
}

function protobufScalar(random: Random, number: number, type: Scalar): Uint8Array {
  switch (type) {
    case 'string':
      return random.chance(0.03)
        ? bytes(number, random.bytes(random.below(30)))
        : text(number, string(random));
    case 'bytes':
      return bytes(number, random.bytes(random.below(40)));
    case 'id':
      return bytes(number, identifier(random));
    case 'bool':
      return uint(number, random.below(2));
    case 'double':
      return double(number, random.pick(doubles));
    case 'fixed32':
      return fixed32(number, random.next());
    case 'fixed64':
      return fixed64(number, random.chance(0.8) ? time(random) : random.pick(integers));
    case 'sfixed64':
      return fixed64(number, random.pick(integers) * (random.chance(0.5) ? 1n : -1n));
    case 'int64':
      return uint(number, random.pick(integers) * (random.chance(0.5) ? 1n : -1n));
    default:
      return uint(number, random.pick(integers));
  }
}

export function jsonText(random: Random, signal: Signal): string {
  return JSON.stringify(jsonMessage(random, requestSpecs[signal], 0));
}

function jsonMessage(random: Random, spec: MessageSpec, depth: number): unknown {
  const object: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(spec)) {
    if (!random.chance(depth < 4 ? 0.9 : depth < 12 ? 0.5 : 0.3)) continue;
    object[name] = field.repeated
      ? Array.from({ length: count(random) }, () => jsonField(random, field, depth + 1))
      : jsonField(random, field, depth + 1);
  }
  if (random.chance(0.03)) object[random.pick(words)] = { unknown: [1, null, {}] };
  return object;
}

function jsonField(random: Random, { type }: FieldSpec, depth: number): unknown {
  if (random.chance(0.005)) return random.pick([null, 1, 'x', [], {}, true, -1.5]);
  if (typeof type === 'string') return jsonScalar(random, type);
  if ('names' in type) return random.chance(0.5) ? random.pick([...type.names.keys()]) : random.below(5);
  return tooDeep(random, depth) ? {} : jsonMessage(random, type.message, depth);
}

function jsonScalar(random: Random, type: Scalar): unknown {
  switch (type) {
    case 'string':
      return random.chance(0.03) ? `lone \ud800 surrogate` : string(random);
    case 'bytes':
      return Buffer.from(random.bytes(random.below(40))).toString('base64');
    case 'id':
      return Buffer.from(identifier(random)).toString('hex');
    case 'bool':
      return random.chance(0.5);
    case 'double':
      return random.chance(0.2) ? 'NaN' : random.below(1000) / 8;
    case 'fixed64':
      return String(time(random));
    case 'int64':
    case 'sfixed64':
      return random.chance(0.5) ? String(-random.pick(integers)) : -random.below(1000);
    case 'uint64':
      return String(random.pick(integers));
    default:
      return random.below(1000);
  }
}
