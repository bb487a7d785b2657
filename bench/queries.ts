import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { logsRequest } from '../test/support/otlp.js';

export interface QueryLatencies {
  readonly name: string;
  readonly milliseconds: number[];
  failed: number;
  lastError: string;
}

const shapes: { name: string; path: (nowSeconds: number) => string }[] = [
  {
    name: 'PromQL rate over 5 m by route',
    path: (now) =>
      `/api/v1/query_range?query=${encodeURIComponent('sum by (http_route) (rate(http_server_requests_0_total[1m]))')}&start=${now - 300}&end=${now}&step=15`,
  },
  {
    name: 'LogQL lines with a filter',
    path: (now) =>
      `/loki/api/v1/query_range?query=${encodeURIComponent('{service_name="checkout"} |= "finished in 12"')}&start=${now - 300}&end=${now}&limit=100`,
  },
  {
    name: 'LogQL count by level over 5 m',
    path: (now) =>
      `/loki/api/v1/query_range?query=${encodeURIComponent('sum by (level) (count_over_time({service_name=~"c.*"}[15s]))')}&start=${now - 300}&end=${now}&step=15`,
  },
  {
    name: 'TraceQL errors of a service',
    path: (now) =>
      `/api/search?q=${encodeURIComponent('{ resource.service.name = "checkout" && status = error }')}&start=${now - 300}&end=${now}&limit=20`,
  },
];

/** Runs the query shapes in turn, one at a time, until aborted. */
export async function queryLoad(
  url: string,
  signal: AbortSignal,
  pauseMs = 100,
): Promise<readonly QueryLatencies[]> {
  const results = shapes.map((shape): QueryLatencies => ({
    name: shape.name,
    milliseconds: [],
    failed: 0,
    lastError: '',
  }));
  for (let n = 0; !signal.aborted; n++) {
    const shape = shapes[n % shapes.length] as (typeof shapes)[number];
    const result = results[n % shapes.length] as QueryLatencies;
    const begun = performance.now();
    try {
      const response = await fetch(url + shape.path(Math.floor(Date.now() / 1000)));
      const text = await response.text();
      if (response.ok) result.milliseconds.push(performance.now() - begun);
      else {
        result.failed++;
        result.lastError = `${response.status} ${text.slice(0, 200)}`;
      }
    } catch (error) {
      result.failed++;
      result.lastError = String(error);
    }
    await sleep(pauseMs);
  }
  return results;
}

/** Between two looks for a marked record: oftener, the looks would be most of what is asked. */
const lookMs = 200;

/** Milliseconds from the acknowledgement of a marked record until a Loki query shows it, over and over until aborted. */
export async function visibleLoad(url: string, signal: AbortSignal): Promise<number[]> {
  const milliseconds: number[] = [];
  while (!signal.aborted) {
    const mark = `mark-${randomUUID()}`;
    const body = logsRequest({ 'service.name': 'visibility-probe' }, [
      { timeNs: BigInt(Date.now()) * 1_000_000n, body: mark },
    ]);
    const sent = await fetch(`${url}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: Uint8Array.from(body),
    });
    if (sent.ok) {
      const acked = performance.now();
      const query = encodeURIComponent(`{service_name="visibility-probe"} |= "${mark}"`);
      while (!signal.aborted && performance.now() - acked < 60_000) {
        const start = Math.floor(Date.now() / 1000) - 120;
        const answer = await fetch(`${url}/loki/api/v1/query_range?query=${query}&limit=1&start=${start}`);
        if (answer.ok && (await answer.text()).includes(`"${mark}"`)) {
          milliseconds.push(performance.now() - acked);
          break;
        }
        await sleep(lookMs);
      }
    }
    await sleep(200 + Math.random() * 500);
  }
  return milliseconds;
}
