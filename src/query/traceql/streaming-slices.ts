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
  const out = new ProtobufWriter();
  const progress = new ProtobufWriter();
  progress.uint(4, done);
  progress.uint(5, of);
  const metrics: Uint8Array[] = [];
  for (const { number, value } of new ProtobufReader(answer).fields()) {
    if (!(value instanceof Uint8Array)) continue;
    if (number === 2) metrics.push(value);
    else out.oneofBytes(number, value);
  }
  out.oneofBytes(2, Buffer.concat([...metrics, progress.finish()]));
  return out.finish();
}

/** Remembers which traces of a search were sent, and leaves them out of what is sent later. */
export class SentTraces {
  readonly #sent = new Set<string>();

  get count(): number {
    return this.#sent.size;
  }

  /** A SearchResponse with the traces alone that were not sent yet, which count as sent then. */
  rest(answer: Uint8Array): Uint8Array {
    const out = new ProtobufWriter();
    for (const { number, value } of new ProtobufReader(answer).fields()) {
      if (!(value instanceof Uint8Array)) continue;
      if (number === 1) {
        const id = traceId(value);
        if (this.#sent.has(id)) continue;
        this.#sent.add(id);
      }
      out.oneofBytes(number, value);
    }
    return out.finish();
  }
}

function traceId(trace: Uint8Array): string {
  for (const { number, value } of new ProtobufReader(trace).fields()) {
    if (number === 1 && value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  }
  return '';
}
