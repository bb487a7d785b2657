import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { signals, type Signal } from '../../src/schema/index.js';
import { logsRequest, metricsRequest, spansRequest } from '../../test/support/otlp.js';
import { doors, requestOf, type Door, type DoorRequest } from '../doors/doors.js';

/** One request and what became of it. Its records carry `<id>/<index>`. */
export interface Sent {
  readonly id: string;
  readonly signal: Signal;
  /** What it comes by; absent for OTLP. */
  readonly door?: Door;
  readonly records: number;
  acked: boolean;
}

const resource = { 'service.name': 'drill' };
const startNs = BigInt(Date.now()) * 1_000_000n;

/** The OTLP request itself. Its records are of the service `drill`, with the time of this call. */
export function requestBody(sent: Sent): Uint8Array {
  const timeNs = BigInt(Date.now()) * 1_000_000n;
  const ids = Array.from({ length: sent.records }, (_, i) => `${sent.id}/${i}`);
  if (sent.signal === 'logs')
    return logsRequest(
      resource,
      ids.map((id) => ({ timeNs, body: id })),
    );
  if (sent.signal === 'traces') {
    return spansRequest(
      resource,
      ids.map((id) => ({
        traceId: randomBytes(16),
        spanId: randomBytes(8),
        name: id,
        startNs: timeNs,
        endNs: timeNs + 1000n,
      })),
    );
  }
  const points = ids.map((id) => ({ timeNs, value: 1, attributes: { id } }));
  return metricsRequest(resource, [{ name: 'drill', kind: 'gauge', points }], startNs);
}

/** The same by the protocol that it comes by. */
function requestFor(sent: Sent): DoorRequest {
  if (!sent.door) {
    const headers = { 'content-type': 'application/x-protobuf' };
    return { path: `/v1/${sent.signal}`, headers, body: requestBody(sent) };
  }
  const ms = Date.now();
  const records = Array.from({ length: sent.records }, (_, i) => ({
    ms,
    id: `${sent.id}/${i}`,
    attributes: {},
  }));
  return requestOf(sent.door, resource, records);
}

/**
 * Pause of each client between requests in a test: hundreds of requests a second come all the same, and what is counted after
 * them is not many times that.
 */
export const paced = 20;

/**
 * Clients that send by every protocol, each request once, and note what was acknowledged; as fast as they are answered, or
 * with a pause of `pauseMs`.
 */
export class Workload {
  readonly sent: Sent[] = [];
  refused = 0;
  /** Where it sends to, once started. */
  url: string | null = null;
  #running = false;
  #done: Promise<unknown> = Promise.resolve();
  #sequence = 0;

  constructor(
    private readonly prefix: string,
    private readonly pauseMs = 0,
  ) {}

  get acked(): number {
    return this.sent.filter((sent) => sent.acked).length;
  }

  start(url: string, clients = 6): void {
    this.#running = true;
    this.url = url;
    this.#done = Promise.all(Array.from({ length: clients }, () => this.#client(url)));
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  async #client(url: string): Promise<void> {
    while (this.#running) {
      const n = this.#sequence++;
      // Every second one is OTLP's.
      const door = n % 2 === 0 ? undefined : doors[(n >> 1) % doors.length];
      const sent: Sent = {
        id: `${this.prefix}-${n}`,
        signal: door?.signal ?? (signals[(n >> 1) % signals.length] as Signal),
        ...(door && { door }),
        records: 1 + Math.floor(Math.random() * 40),
        acked: false,
      };
      this.sent.push(sent);
      try {
        const { path, headers, body } = requestFor(sent);
        const response = await fetch(url + path, {
          method: 'POST',
          headers,
          body: Uint8Array.from(body),
          signal: AbortSignal.timeout(10_000),
        });
        // The status line is the acknowledgement, whether or not the rest of the answer arrives.
        sent.acked = response.status >= 200 && response.status < 300;
        if (!sent.acked) this.refused++;
        await response.arrayBuffer();
        if (!sent.acked) await sleep(100);
        else if (this.pauseMs > 0) await sleep(this.pauseMs);
      } catch {
        await sleep(50);
      }
    }
  }
}
