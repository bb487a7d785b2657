import { ProtobufReader } from '../../grpc/index.js';
import { ProtobufWriter } from '../server/protobuf-writer.js';

type Params = Readonly<Record<string, string>>;

const second = 1_000_000_000n;
/** Shorter ranges are answered at once. */
const shortest = 3600n;
/** The newest part that is asked first: of the range this share, and at least so many seconds. */
const share = 16n;
const least = 900n;

/** The newest part of a search, whose times are seconds; undefined where it has none worth asking for by itself. */
export function newestOfSearch(params: Params): Params | undefined {
  const { start = '', end = '' } = params;
  if (!/^\d+$/.test(start) || !/^\d+$/.test(end)) return undefined;
  const from = newestFrom(BigInt(start), BigInt(end), 1n);
  return from === undefined ? undefined : { ...params, start: String(from) };
}

/** The newest steps of range metrics, whose times are nanoseconds. */
export function newestOfMetrics(params: Params): Params | undefined {
  const { start = '', end = '', step = '', q = '' } = params;
  const width = /^(\d+)ns$/.exec(step)?.[1];
  if (!/^\d+$/.test(start) || !/^\d+$/.test(end) || width === undefined) return undefined;
  // What compare() shows depends on the whole range.
  if (/\bcompare\s*\(/.test(q)) return undefined;
  const from = newestFrom(BigInt(start), BigInt(end), second);
  if (from === undefined || BigInt(width) === 0n) return undefined;
  const aligned = from - (from % BigInt(width));
  return aligned > BigInt(start) ? { ...params, start: String(aligned) } : undefined;
}

function newestFrom(start: bigint, end: bigint, unit: bigint): bigint | undefined {
  const width = end - start;
  if (width < shortest * unit) return undefined;
  const part = width / share;
  return end - (part > least * unit ? part : least * unit);
}

/** The answer, in whose metrics (field 2 of all of these messages) is told how many of its parts are done. */
export function withProgress(answer: Uint8Array, done: number, of: number): Uint8Array {
  const writer = new ProtobufWriter();
  writer.uint(4, done);
  writer.uint(5, of);
  const metrics: Uint8Array[] = [];
  const pieces: Uint8Array[] = [];
  for (const { number, value } of new ProtobufReader(answer).fields()) {
    if (!(value instanceof Uint8Array)) continue;
    if (number === 2) metrics.push(value);
    else pieces.push(lengthDelimited(number, value));
  }
  return Buffer.concat([...pieces, lengthDelimited(2, Buffer.concat([...metrics, writer.finish()]))]);
}

/** Remembers which traces of a search were sent, and leaves them out of what is sent later. */
export class SentTraces {
  readonly #sent = new Set<string>();

  get count(): number {
    return this.#sent.size;
  }

  /** A SearchResponse with the traces alone that were not sent yet, which count as sent then. */
  rest(answer: Uint8Array): Uint8Array {
    const pieces: Uint8Array[] = [];
    for (const { number, value } of new ProtobufReader(answer).fields()) {
      if (!(value instanceof Uint8Array)) continue;
      if (number === 1) {
        const id = traceId(value);
        if (this.#sent.has(id)) continue;
        this.#sent.add(id);
      }
      pieces.push(lengthDelimited(number, value));
    }
    return Buffer.concat(pieces);
  }
}

function traceId(trace: Uint8Array): string {
  for (const { number, value } of new ProtobufReader(trace).fields()) {
    if (number === 1 && value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  }
  return '';
}

/** `number` is below 16. */
function lengthDelimited(number: number, value: Uint8Array): Uint8Array {
  const head = [(number << 3) | 2];
  for (let rest = value.length; ; rest >>>= 7) {
    head.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Buffer.from(head), value]);
}
