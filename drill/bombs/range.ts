import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestServer } from '../../test/support/server.js';
import { logsRequest, metricsRequest, spansRequest } from '../../test/support/otlp.js';
import type { Bomb } from './bombs.js';

/** What became of one bomb. */
export interface Blast {
  readonly name: string;
  readonly status: number;
  readonly seconds: number;
  /** The beginning of the answer. */
  readonly words: string;
  /** Highest resident memory of the server while it ran, bytes. */
  readonly residentBytes: number;
  /** Why it counts as failed. */
  readonly wrong?: string;
}

/** The server's limit of a query in the drill, and how much later its answer may come where little else runs. */
const timeoutMs = 5000;
const idleGraceMs = 2000;

export const serverSettings = {
  CANARDSTACK_QUERY_TIMEOUT_MS: String(timeoutMs),
  CANARDSTACK_DUCKDB_MEMORY_LIMIT: '1GiB',
  CANARDSTACK_MEMORY_CAP_BYTES: String(3 * 1024 ** 3),
};
/** Resident memory at which the server counts as dead. */
const residentLimit = 4 * 1024 ** 3;

function resident(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1024;
}

/** Sends one after another; a small load beside it shows whether others are served. */
export async function explode(server: TestServer, bomb: Bomb, graceMs = idleGraceMs): Promise<Blast> {
  let most = 0;
  let running = true;
  const watching = (async () => {
    while (running) {
      most = Math.max(most, resident(server.pid));
      await sleep(50);
    }
  })();
  const begun = performance.now();
  const elapsed = () => performance.now() - begun;
  try {
    const { status, words } = await send(server, bomb, 60_000 + graceMs);
    const late = elapsed() > timeoutMs + graceMs;
    const wrong = late
      ? 'late'
      : status === 500
        ? 'internal error'
        : status === 503 && !/memory|time/.test(words)
          ? 'not served'
          : most > residentLimit
            ? 'memory'
            : undefined;
    return {
      name: bomb.name,
      status,
      seconds: elapsed() / 1000,
      words,
      residentBytes: most,
      ...(wrong ? { wrong } : {}),
    };
  } catch (error) {
    const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return {
      name: bomb.name,
      status: 0,
      seconds: elapsed() / 1000,
      words,
      residentBytes: most,
      wrong: 'no answer',
    };
  } finally {
    running = false;
    await watching.catch(() => undefined);
  }
}

async function send(
  server: TestServer,
  { path, form }: Bomb,
  longestMs: number,
): Promise<{ status: number; words: string }> {
  const json = 'sql' in form;
  const answer = await fetch(server.url + path, {
    ...(Object.keys(form).length === 0
      ? {}
      : {
          method: 'POST',
          headers: { 'content-type': json ? 'application/json' : 'application/x-www-form-urlencoded' },
          body: json ? JSON.stringify(form) : new URLSearchParams(form as Record<string, string>).toString(),
        }),
    signal: AbortSignal.timeout(longestMs),
  });
  // Large answers are right where they are streamed; only their beginning is looked at.
  let words = '';
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    const piece = chunk as Uint8Array;
    bytes += piece.length;
    if (words.length < 200) words += Buffer.from(piece).toString('utf8').slice(0, 200);
  }
  return { status: answer.status, words: `${words.slice(0, 160)}${bytes > 160 ? ` (${bytes} B)` : ''}` };
}

/** A steady stream of all signals; `latencies` are milliseconds of those acknowledged. */
export class SteadyLoad {
  readonly latencies: number[] = [];
  refused = 0;
  #running = true;
  readonly #done: Promise<void>;

  constructor(server: TestServer, everyMs = 100) {
    this.#done = this.#run(server, everyMs);
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  async #run(server: TestServer, everyMs: number): Promise<void> {
    for (let n = 0; this.#running; n++) {
      const begun = performance.now();
      const [path, body] = request(n);
      try {
        const answer = await fetch(server.url + path, {
          method: 'POST',
          headers: { 'content-type': 'application/x-protobuf' },
          body,
        });
        await answer.arrayBuffer();
        if (answer.ok) this.latencies.push(performance.now() - begun);
        else this.refused++;
      } catch {
        this.refused++;
      }
      await sleep(Math.max(0, everyMs - (performance.now() - begun)));
    }
  }
}

const startNs = BigInt(Date.now()) * 1_000_000n;

function request(n: number): [path: string, body: Uint8Array] {
  const timeNs = BigInt(Date.now()) * 1_000_000n;
  const resource = { 'service.name': `load-${n % 5}` };
  if (n % 3 === 0) {
    const lines = Array.from({ length: 100 }, (_, i) => ({
      timeNs,
      body: `{"n":${n},"i":${i},"msg":"a line of the load that is a little longer"}`,
      attributes: { user: `u${(n * i) % 97}` },
    }));
    return ['/v1/logs', logsRequest(resource, lines)];
  }
  if (n % 3 === 1) {
    const points = Array.from({ length: 100 }, (_, i) => ({
      timeNs,
      value: n * i,
      attributes: { i: String(i) },
    }));
    return [
      '/v1/metrics',
      metricsRequest(resource, [{ name: `load.${n % 4}`, kind: 'gauge', points }], startNs),
    ];
  }
  const spans = Array.from({ length: 50 }, (_, i) => {
    const id = Buffer.alloc(16);
    id.writeUInt32BE(n, 0);
    id.writeUInt32BE(i + 1, 12);
    return {
      traceId: id,
      spanId: id.subarray(8),
      name: 'load',
      startNs: timeNs,
      endNs: timeNs + BigInt(i + 1) * 1000n,
    };
  });
  return ['/v1/traces', spansRequest(resource, spans)];
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
