import { setImmediate } from 'node:timers/promises';
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

export interface Answer {
  readonly data: unknown;
  readonly warnings?: readonly string[];
}

/** The envelope of Prometheus' and Loki's APIs. */
export function success({ data, warnings }: Answer): object {
  return { status: 'success', data, ...(warnings?.length ? { warnings } : {}) };
}

/** The warning of an answer of which `limit` left something out. */
export const truncated = 'results truncated due to limit';
