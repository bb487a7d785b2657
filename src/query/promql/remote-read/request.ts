import { uncompressSync } from 'snappy';
import { QueryError } from '../../../lake/query-error.js';
import { ProtobufReader } from '../../../grpc/index.js';
import type { Matcher, MatchOp } from '../../series/matchers.js';

export interface ReadQuery {
  /** Unix milliseconds, both included. */
  readonly from: number;
  readonly to: number;
  readonly matchers: readonly Matcher[];
}

interface ReadRequest {
  readonly queries: readonly ReadQuery[];
  readonly answer: 'samples' | 'chunks';
}

const mostBytes = 4 * 1024 * 1024;
const mostQueries = 100;
const ops: readonly MatchOp[] = ['=', '!=', '=~', '!~'];
const answers = ['samples', 'chunks'] as const;

/** prometheus.ReadRequest as one block of snappy. Throws QueryError `bad_data`. */
export function readRequest(compressed: Uint8Array): ReadRequest {
  const queries: ReadQuery[] = [];
  const accepted: number[] = [];
  try {
    for (const { number, value } of new ProtobufReader(uncompressed(compressed)).fields()) {
      if (number === 1 && value instanceof Uint8Array) queries.push(readQuery(value));
      if (number !== 2) continue;
      // Packed or one by one, as the client has it.
      if (value instanceof Uint8Array) accepted.push(...value);
      else accepted.push(Number(value));
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw wrong(`it is no prometheus.ReadRequest: ${error.message}`);
  }
  if (queries.length > mostQueries) throw wrong(`it has ${queries.length} queries, at most ${mostQueries}`);
  const answer = accepted.length === 0 ? 'samples' : accepted.map((type) => answers[type]).find(Boolean);
  if (!answer) {
    throw wrong(
      `server does not support any of the requested response types: ${accepted.join(', ')}; ` +
        'supported: 0 (SAMPLES), 1 (STREAMED_XOR_CHUNKS)',
    );
  }
  return { queries, answer };
}

function uncompressed(block: Uint8Array): Uint8Array {
  let length = 0;
  for (let i = 0; ; i++) {
    const byte = block[i];
    if (byte === undefined || i > 4) throw wrong('it is not compressed with snappy');
    length += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) break;
  }
  if (length > mostBytes) throw wrong(`it has ${length} bytes uncompressed, at most ${mostBytes}`);
  if (length === 0) return new Uint8Array(0);
  try {
    return uncompressSync(Buffer.from(block)) as Buffer;
  } catch {
    throw wrong('it is not compressed with snappy');
  }
}

function readQuery(bytes: Uint8Array): ReadQuery {
  const matchers: Matcher[] = [];
  let [from, to] = [0, 0];
  for (const { number, value } of new ProtobufReader(bytes).fields()) {
    if (value instanceof Uint8Array) {
      if (number === 3) matchers.push(readMatcher(value));
    } else if (number === 1) from = Number(BigInt.asIntN(64, value));
    else if (number === 2) to = Number(BigInt.asIntN(64, value));
  }
  if (to < from) throw wrong('a query ends before it starts');
  return { from, to, matchers };
}

function readMatcher(bytes: Uint8Array): Matcher {
  let op: MatchOp | undefined = '=';
  let [name, text] = ['', ''];
  for (const { number, value } of new ProtobufReader(bytes).fields()) {
    if (!(value instanceof Uint8Array)) {
      if (number === 1) op = ops[Number(value)];
    } else if (number === 2) name = Buffer.from(value).toString('utf8');
    else if (number === 3) text = Buffer.from(value).toString('utf8');
  }
  if (!op) throw wrong('invalid matcher type');
  if (name === '') throw wrong('a matcher has no name');
  return { name, op, value: text };
}

function wrong(why: string): QueryError {
  return new QueryError('bad_data', `invalid request of remote read: ${why}`);
}
