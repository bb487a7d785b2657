/** Entry point of a query thread. It evaluates several queries in turn, each giving way every few milliseconds. */
import { parentPort, workerData } from 'node:worker_threads';
import { QueryError } from '../../lake/query-error.js';
import type { Endpoint, QueryAnswer } from '../server/endpoint.js';
import { evaluate } from '../server/explain/index.js';
import { endpointsByLanguage } from '../languages.js';
import type { FromThread, SentError, ThreadOptions, ToThread } from './protocol.js';
import { ThreadSession } from './session.js';

const { piecesAhead } = workerData as ThreadOptions;
const pieceLength = 256 * 1024;
const endpoints = new Map(
  Object.entries(endpointsByLanguage()).map(([language, own]) => [
    language,
    new Map<string, Endpoint>(Object.entries(own)),
  ]),
);

interface Running {
  readonly session: ThreadSession;
  readonly abort: AbortController;
  /** Pieces that may still be sent. */
  credit: number;
  wake: (() => void) | null;
}

const running = new Map<number, Running>();

function post(message: FromThread, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

async function run({ query, job, limits, told }: Extract<ToThread, { readonly type: 'run' }>): Promise<void> {
  const abort = new AbortController();
  const { signal } = abort;
  const first = job.first && told !== undefined ? { request: job.first, told } : null;
  const session = new ThreadSession(query, limits.maxRows, signal, post, first);
  const own: Running = { session, abort, credit: piecesAhead, wake: null };
  running.set(query, own);
  try {
    const endpoint = endpoints.get(job.language)?.get(job.endpoint);
    if (!endpoint) throw new Error(`${job.language} has no endpoint ${job.endpoint}`);
    const answer = await evaluate(endpoint, job, { session, limits, signal, alone: false });
    await send(query, own, answer);
  } catch (error) {
    post({ type: 'failed', query, error: sent(error) });
  } finally {
    running.delete(query);
  }
}

async function send(query: number, own: Running, { body, ...head }: QueryAnswer): Promise<void> {
  const { signal } = own.abort;
  const piece = async (bytes: Uint8Array<ArrayBuffer>, last: boolean) => {
    while (own.credit === 0) {
      await new Promise<void>((resolve) => (own.wake = resolve));
    }
    signal.throwIfAborted();
    own.credit--;
    post({ type: 'piece', query, ...head, bytes, last }, [bytes.buffer]);
  };
  if (typeof body === 'string') return piece(encode(body), true);
  if (body instanceof Uint8Array) return piece(new Uint8Array(body), true);
  let text = '';
  for await (const part of body) {
    if (typeof part !== 'string') {
      await piece(new Uint8Array(part), false);
      continue;
    }
    text += part;
    if (text.length < pieceLength) continue;
    await piece(encode(text), false);
    text = '';
  }
  return piece(encode(text), true);
}

const encoder = new TextEncoder();

/** The copy has a buffer of its own, which moves to the main thread. */
function encode(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

function sent(error: unknown): SentError {
  if (error instanceof QueryError) {
    const { kind, message, retryAfterSeconds } = error;
    return { kind, message, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) };
  }
  return { kind: null, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

parentPort?.on('message', (message: ToThread) => {
  if (message.type === 'run') {
    void run(message);
    return;
  }
  const own = running.get(message.query);
  if (!own) return;
  if (message.type === 'more') own.credit++;
  else if (message.type === 'abort') {
    own.abort.abort();
    own.credit++;
  } else return own.session.receive(message);
  own.wake?.();
  own.wake = null;
});
post({ type: 'ready' });
