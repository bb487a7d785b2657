import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../client.js';
import { logsRequest, tracesRequest, type Log, type Span } from './otlp.js';
import { ShopMetrics } from './metrics.js';
import { Random } from './random.js';
import { exportTo } from './send.js';
import { brokenForMs, resourceOf, visit } from './shop.js';

export interface DemoOptions {
  readonly client: Client;
  readonly key: string | undefined;
  /** How far back the telemetry begins. */
  readonly historyMs: number;
  /** Visitors' requests a second, on average. */
  readonly rate: number;
  /** Ends after the history. */
  readonly once: boolean;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly report: (line: string) => void;
}

const tickMs = 15_000;
/** Records of one request at most, about. */
const batch = 4000;

/** Sends a small shop's telemetry: the past first, then live until the signal. */
export async function demo(options: DemoOptions): Promise<void> {
  const { historyMs, once, signal, report, seed } = options;
  const nowMs = Date.now();
  const startMs = nowMs - historyMs;
  const random = new Random(seed);
  const metrics = new ShopMetrics(startMs, random);
  const outbox = new Outbox(options);
  let atMs = startMs;
  for (; atMs + tickMs <= nowMs && !signal.aborted; atMs += tickMs) {
    const broken = atMs > nowMs - brokenForMs;
    await tick(options, random, metrics, outbox, atMs, atMs + tickMs, broken);
  }
  await outbox.flush();
  const { spans, logs, exports } = outbox.sent;
  report(
    `sent the last ${Math.round(historyMs / 60_000)} minutes: ${spans} spans, ${logs} log lines, ${exports} exports of metrics`,
  );
  if (once) return;
  report('sending live; Ctrl-C ends it');
  while (!signal.aborted) {
    const wait = Math.min(2000, Math.max(0, atMs + 2000 - Date.now()));
    await sleep(wait, undefined, { signal }).catch(() => undefined);
    const untilMs = Date.now();
    // After a pause (a laptop's sleep) the gap stays one.
    const fromMs = Math.max(atMs, untilMs - 60_000);
    await tick(options, random, metrics, outbox, fromMs, untilMs, true);
    await outbox.flush();
    atMs = untilMs;
  }
}

async function tick(
  { rate }: DemoOptions,
  random: Random,
  metrics: ShopMetrics,
  outbox: Outbox,
  fromMs: number,
  toMs: number,
  broken: boolean,
): Promise<void> {
  // Busier and quieter by the hour.
  const busy = 1 + 0.35 * Math.sin(fromMs / 3_600_000);
  const expected = (rate * busy * (toMs - fromMs)) / 1000;
  const visits = Math.floor(expected) + (random.chance(expected % 1) ? 1 : 0);
  for (let i = 0; i < visits; i++) {
    const { spans, logs } = visit(random, random.between(fromMs, toMs), broken);
    for (const span of spans) metrics.add(span);
    outbox.add(spans, logs);
  }
  outbox.metrics(metrics.resourceMetrics(toMs));
  if (outbox.size >= batch) await outbox.flush();
}

class Outbox {
  readonly sent = { spans: 0, logs: 0, exports: 0 };
  private spans: Span[] = [];
  private logs: Log[] = [];
  private resources: object[] = [];

  constructor(private readonly to: Pick<DemoOptions, 'client' | 'key'>) {}

  get size(): number {
    return this.spans.length + this.logs.length;
  }

  add(spans: readonly Span[], logs: readonly Log[]): void {
    this.spans.push(...spans);
    this.logs.push(...logs);
  }

  /** Points of one time. */
  metrics(resources: readonly object[]): void {
    this.resources.push(...resources);
    this.sent.exports += 1;
  }

  async flush(): Promise<void> {
    const { spans, logs, resources } = this;
    [this.spans, this.logs, this.resources] = [[], [], []];
    const { client, key } = this.to;
    if (spans.length > 0) await exportTo(client, key, '/v1/traces', tracesRequest(spans, resourceOf));
    if (logs.length > 0) await exportTo(client, key, '/v1/logs', logsRequest(logs, resourceOf));
    if (resources.length > 0) await exportTo(client, key, '/v1/metrics', { resourceMetrics: resources });
    this.sent.spans += spans.length;
    this.sent.logs += logs.length;
  }
}
