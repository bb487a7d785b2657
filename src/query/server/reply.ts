import { setImmediate } from 'node:timers/promises';
import { QueryError } from '../../lake/query-error.js';
import type { QueryAnswer } from './endpoint.js';

const jsonType = 'application/json; charset=utf-8';

export function json(value: unknown): QueryAnswer {
  return { contentType: jsonType, body: JSON.stringify(value) };
}

/** JSON text in pieces, which is made while it is sent. */
export function streamed(body: AsyncIterable<string>): QueryAnswer {
  return { contentType: jsonType, body };
}

const pieceLength = 64 * 1024;

/** Small texts put together to pieces of about 64 KiB, giving way between them. */
export async function* inPieces(texts: Iterable<string>): AsyncGenerator<string> {
  let piece = '';
  for (const text of texts) {
    piece += text;
    if (piece.length < pieceLength) continue;
    yield piece;
    piece = '';
    await setImmediate();
  }
  if (piece !== '') yield piece;
}

/** All of an answer's body. Throws QueryError when it comes in pieces that are more than `most` bytes together. */
export async function wholeBody(body: QueryAnswer['body'], most = Infinity): Promise<Buffer> {
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    const own = typeof piece === 'string' ? Buffer.from(piece) : piece;
    bytes += own.length;
    if (bytes > most) {
      throw new QueryError('limit', `the answer is larger than ${most} bytes; narrow the query or its range`);
    }
    pieces.push(own);
  }
  return Buffer.concat(pieces);
}

export interface Answer {
  readonly data: unknown;
  /** The same as JSON, where it is at hand. */
  readonly text?: string;
  readonly warnings?: readonly string[];
}

/** The envelope of Prometheus' and Loki's APIs. */
export function success({ data, warnings }: Omit<Answer, 'text'>): object {
  return { status: 'success', data, ...(warnings?.length ? { warnings } : {}) };
}

/** The same as an answer. */
export function successJson({ data, text, warnings }: Answer): QueryAnswer {
  if (text === undefined || warnings?.length) return json(success({ data, ...(warnings && { warnings }) }));
  return { contentType: jsonType, body: `{"status":"success","data":${text}}` };
}

/** The warning of an answer of which `limit` left something out. */
export const truncated = 'results truncated due to limit';
