import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../timeout/index.js';
import type { BodyBudget, BodyResult } from './body.js';

/** As many bytes go together, or what ends before. */
const pieceBytes = 1024 * 1024;
const waitMs = 100;

interface PieceLimits {
  /** Of a record, and so of a piece. */
  readonly maxBytes: number;
  /** How long the next bytes may take to come, or room for them to be there. */
  readonly timeoutMs: number;
  readonly budget: BodyBudget;
}

export type Piece =
  { readonly kind: 'piece'; readonly bytes: Buffer } | Exclude<BodyResult, { readonly kind: 'complete' }>;

/**
 * The body of a request without end as it comes, cut where `endOf` says that records end (0 for nowhere yet). Nothing more is read
 * while nobody asks for the next piece. The last one is a piece, or why there are no more. `endOf` may throw.
 */
export async function* readPieces(
  request: IncomingMessage,
  endOf: (bytes: Buffer) => number,
  { maxBytes, timeoutMs, budget }: PieceLimits,
): AsyncGenerator<Piece, void, undefined> {
  const chunks = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer, undefined>;
  let held = 0;
  let parts: Buffer[] = [];
  let length = 0;
  let enough = Math.min(pieceBytes, maxBytes);
  try {
    for (;;) {
      const next = await nextOf(chunks, timeoutMs);
      if (next === 'timeout' || next === 'aborted') return yield { kind: next };
      if (next === null) {
        if (length > 0) yield { kind: 'piece', bytes: Buffer.concat(parts) };
        return;
      }
      if (!(await room(budget, next.length, timeoutMs))) return yield { kind: 'no_room' };
      held += next.length;
      parts.push(next);
      length += next.length;
      if (length < enough) continue;
      const bytes = Buffer.concat(parts);
      const end = endOf(bytes);
      if (end === 0) {
        if (length >= maxBytes) return yield { kind: 'too_large' };
        parts = [bytes];
        enough = Math.min(length * 2, maxBytes);
        continue;
      }
      yield { kind: 'piece', bytes: bytes.subarray(0, end) };
      parts = [Buffer.from(bytes.subarray(end))];
      length -= end;
      budget.give(held - length);
      held = length;
      enough = Math.max(length + 1, Math.min(pieceBytes, maxBytes));
    }
  } finally {
    // The stream may flow again, for what answers before its end.
    void chunks.return?.();
    budget.give(held);
  }
}

/** null at the end. */
async function nextOf(
  chunks: AsyncIterator<Buffer, undefined>,
  timeoutMs: number,
): Promise<Buffer | 'timeout' | 'aborted' | null> {
  try {
    const next = await within(timeoutMs, chunks.next(), () => 'timeout' as const);
    return next === 'timeout' ? next : (next.value ?? null);
  } catch {
    return 'aborted';
  }
}

async function room(budget: BodyBudget, bytes: number, timeoutMs: number): Promise<boolean> {
  for (const until = performance.now() + timeoutMs; !budget.take(bytes); await sleep(waitMs)) {
    if (performance.now() > until) return false;
  }
  return true;
}
