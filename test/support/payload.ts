import type { Payload } from '../../src/schema/index.js';

/** Wall clock of test payloads, nanoseconds since the epoch. */
export const now = 1_790_000_000_123_456_789n;

/** A payload received at `now`, with the default limits of a day back and ten minutes ahead. */
export function payloadOf(body: Uint8Array, more: Partial<Payload> = {}): Payload {
  return {
    format: 'protobuf',
    encoding: 'identity',
    receivedAtNs: now,
    minTimeNs: now - 86_400_000_000_000n,
    maxTimeNs: now + 600_000_000_000n,
    body: shared(body),
    ...more,
  };
}

/** A copy in shared memory, where the wire puts bodies. */
function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

export function jsonPayload(value: unknown): Payload {
  return payloadOf(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), {
    format: 'json',
  });
}
