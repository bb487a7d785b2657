import type { IncomingMessage } from 'node:http';
import type { BufferPool } from '../schema/index.js';

/** Bytes that bodies being read may take together, over all connections. */
export class BodyBudget {
  #held = 0;

  constructor(readonly limitBytes: number) {}

  get heldBytes(): number {
    return this.#held;
  }

  take(bytes: number): boolean {
    if (this.#held + bytes > this.limitBytes) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}

export type BodyResult =
  | { readonly kind: 'complete'; readonly body: Uint8Array }
  /** The client went away. */
  | { readonly kind: 'aborted' }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'timeout' }
  /** The budget is used up. */
  | { readonly kind: 'no_room' };

/** The declared length in bytes; undefined for chunked bodies. */
export function contentLength(request: IncomingMessage): number | undefined {
  const header = request.headers['content-length'];
  if (header !== undefined) return Number(header);
  return request.headers['transfer-encoding'] === undefined ? 0 : undefined;
}

/**
 * Reads a body into memory of its own. With a declared length each byte is copied once, straight to its place;
 * a chunked body is gathered and then joined. On anything but `complete` the rest is left unread and the
 * request paused. Never rejects.
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  timeoutMs: number,
  budget: BodyBudget,
  buffers: BufferPool,
): Promise<BodyResult> {
  const length = contentLength(request);
  if (length !== undefined && length > maxBytes) return Promise.resolve({ kind: 'too_large' });
  if (length !== undefined && !budget.take(length)) return Promise.resolve({ kind: 'no_room' });
  return new Promise((resolve) => {
    // Not zeroed: every byte is written before anyone sees it.
    const body = length === undefined ? null : buffers.bytes(length);
    const chunks: Buffer[] = [];
    let received = 0;

    const finish = (result: BodyResult) => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      budget.give(length ?? received);
      if (body !== null && result.kind !== 'complete') buffers.give(body.buffer);
      resolve(result);
    };
    const stop = (kind: 'too_large' | 'timeout' | 'no_room') => {
      request.pause();
      finish({ kind });
    };
    const onData = (chunk: Buffer) => {
      if (body !== null) {
        body.set(chunk, received);
        received += chunk.length;
        return;
      }
      if (received + chunk.length > maxBytes) return stop('too_large');
      if (!budget.take(chunk.length)) return stop('no_room');
      received += chunk.length;
      chunks.push(chunk);
    };
    const onEnd = () => finish({ kind: 'complete', body: body ?? join(chunks, buffers.bytes(received)) });
    const onClose = () => finish({ kind: 'aborted' });
    const timer = setTimeout(stop, timeoutMs, 'timeout');
    // An abort is reported as an error first; `close` follows and says it all.
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', ignore);
    if (request.destroyed) onClose();
  });
}

function ignore(): void {}

function join(chunks: readonly Buffer[], body: Uint8Array): Uint8Array {
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
