import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Workload } from './workload.js';

export interface LoadResult {
  readonly seconds: number;
  readonly acked: number;
  readonly ackedBytes: number;
  readonly ackedRecords: number;
  readonly refused: number;
  readonly failed: number;
  /** Milliseconds from the moment a request was due to its acknowledgement. */
  readonly latencies: readonly number[];
}

interface Answer {
  readonly status: number;
  readonly retryAfter: number;
}

const otlp = { 'content-type': 'application/x-protobuf' };

function post(
  agent: Agent,
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request(
      {
        agent,
        method: 'POST',
        host: url.hostname,
        port: url.port,
        path: url.pathname,
        headers: { ...headers, 'content-length': body.length },
        timeout: 60_000,
      },
      (res) => {
        res.resume();
        res.once('end', () =>
          resolve({ status: res.statusCode ?? 0, retryAfter: Number(res.headers['retry-after'] ?? 1) }),
        );
        res.once('error', reject);
      },
    );
    req.once('timeout', () => req.destroy(new Error('no answer within 60 s')));
    req.once('error', reject);
    req.end(body);
  });
}

/**
 * Sends over `connections` connections for `seconds`. Without a rate each connection sends as fast as it is
 * answered; with `requestsPerSecond` requests are due at fixed times, and lateness counts as latency.
 */
export async function load(
  url: string,
  workload: Workload,
  options: { connections: number; seconds: number; requestsPerSecond?: number; signal?: AbortSignal },
): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  const target = new URL(workload.path, url);
  const latencies: number[] = [];
  let next = 0;
  let acked = 0;
  let ackedBytes = 0;
  let refused = 0;
  let failed = 0;
  const begun = performance.now();
  const end = begun + options.seconds * 1000;
  const interval = options.requestsPerSecond ? 1000 / options.requestsPerSecond : 0;

  const worker = async () => {
    while (performance.now() < end && !options.signal?.aborted) {
      const n = next++;
      let due = performance.now();
      if (interval > 0) {
        due = begun + n * interval;
        if (due >= end) return;
        if (due > performance.now()) await sleep(due - performance.now());
      }
      const body = workload.body(n);
      try {
        const answer = await post(agent, target, workload.headers ?? otlp, body);
        if (answer.status >= 200 && answer.status < 300) {
          acked++;
          ackedBytes += body.length;
          latencies.push(performance.now() - due);
        } else if (answer.status === 429 || answer.status === 503) {
          refused++;
          await sleep(Math.min(answer.retryAfter, 2) * 1000);
        } else failed++;
      } catch {
        failed++;
        await sleep(50);
      }
    }
  };
  await Promise.all(Array.from({ length: options.connections }, worker));
  agent.destroy();
  return {
    seconds: (performance.now() - begun) / 1000,
    acked,
    ackedBytes,
    ackedRecords: acked * workload.recordsPerRequest,
    refused,
    failed,
    latencies,
  };
}
