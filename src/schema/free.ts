import { MessageChannel } from 'node:worker_threads';

/**
 * A closed port takes messages and drops them, with the buffers that were transferred. This gives a buffer's
 * memory back at once. Left to the collector, every 64 MB of bodies would cost a full collection.
 */
const { port1: sink } = new MessageChannel();
sink.close();

/** Frees buffers that nobody will read again; every view of them is empty from then on. */
export function freeBuffers(buffers: Iterable<ArrayBuffer>): void {
  const attached = [...new Set(buffers)].filter((buffer) => buffer.byteLength > 0);
  if (attached.length > 0) sink.postMessage(null, attached);
}
