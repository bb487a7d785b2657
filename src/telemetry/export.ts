import { hostname, networkInterfaces } from 'node:os';
import { Counter, type Telemetry } from './index.js';
import { metricsRequest, spansRequest, type Identity } from './otlp-json.js';
import { SpanQueue } from './tracer.js';

export interface ExportOptions extends Identity {
  readonly telemetry: Telemetry;
  /** Base of the OTLP/HTTP endpoint; /v1/metrics and /v1/traces are added. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly metricsIntervalMs: number;
  readonly spansIntervalMs?: number;
  /** `host:port` this server listens on, to notice an export to itself. */
  readonly ownAddresses: readonly string[];
  readonly timeoutMs?: number;
  readonly queueCapacity?: number;
}

export interface OwnExporter {
  /** Sends what waits, once; bounded by the time-out. */
  flush(): Promise<void>;
  /** Sends the rest; takes a few seconds at most. */
  stop(): Promise<void>;
}

type Outcome = 'ok' | 'retry' | 'rejected';

const spansAtOnce = 512;
const retryable = [429, 502, 503, 504];

function splitAddress(address: string): { host: string; port: string } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: address.slice(at + 1) };
}

/** Whether `endpoint` names this machine and a port this server listens on. */
export function leadsToItself(endpoint: string, ownAddresses: readonly string[]): boolean {
  const url = new URL(endpoint);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const local = new Set(['localhost', '::1', '0.0.0.0', '::', hostname().toLowerCase()]);
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address } of addresses ?? []) local.add(address.toLowerCase());
  }
  if (!local.has(host) && !host.startsWith('127.')) {
    return ownAddresses.some((own) => splitAddress(own).host === host && splitAddress(own).port === port);
  }
  return ownAddresses.some((own) => splitAddress(own).port === port);
}

/** fetch() says only "fetch failed"; the system's code is in the cause. */
function failureCode(error: unknown): string {
  const { name, cause } = error as { name?: string; cause?: { code?: string } };
  return cause?.code ?? name ?? 'error';
}

/**
 * Sends the server's own metrics and spans as OTLP/HTTP JSON. It never affects serving: the queue is bounded,
 * each request has a time-out, failures are counted and logged once until one succeeds.
 */
export function startOwnExport(options: ExportOptions): OwnExporter {
  const { telemetry, endpoint } = options;
  const startMs = Date.now();
  const registers = [telemetry.registry];
  const dropped = new Counter({
    name: 'canardstack_export_dropped_spans_total',
    help: 'Own spans that were not exported: queue full, or refused by the receiver.',
    registers,
  });
  const requests = new Counter({
    name: 'canardstack_export_requests_total',
    help: 'Export requests of own telemetry by outcome.',
    labelNames: ['signal', 'outcome'],
    registers,
  });
  const toItself = leadsToItself(endpoint, options.ownAddresses);
  if (toItself) {
    telemetry.log.warn(
      'OTLP_EXPORT_ENDPOINT is this server: own spans caused by ingest are left out, as each would cause the next',
    );
  }
  const queue = new SpanQueue(options.queueCapacity ?? 2048, (spans) => dropped.inc(spans), !toItself);
  telemetry.tracer = queue;
  let failing = false;
  let timeoutMs = options.timeoutMs ?? 10_000;

  async function post(signal: 'metrics' | 'traces', body: unknown): Promise<Outcome> {
    let outcome: Outcome;
    let reason: string;
    try {
      const response = await fetch(`${endpoint.replace(/\/+$/, '')}/v1/${signal}`, {
        method: 'POST',
        headers: {
          ...options.headers,
          'content-type': 'application/json',
          'x-canardstack-export': options.instanceId,
        },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      await response.body?.cancel();
      outcome = response.ok ? 'ok' : retryable.includes(response.status) ? 'retry' : 'rejected';
      reason = `HTTP ${response.status}`;
    } catch (error) {
      outcome = 'retry';
      reason = failureCode(error);
    }
    requests.inc({ signal, outcome });
    if (outcome !== 'ok' && !failing) telemetry.log.warn({ signal, reason }, 'own telemetry is not exported');
    if (outcome === 'ok' && failing) telemetry.log.info('own telemetry is exported again');
    failing = outcome !== 'ok';
    return outcome;
  }

  async function sendMetrics(): Promise<void> {
    await post('metrics', await metricsRequest(telemetry.registry, options, startMs));
  }

  async function sendSpans(): Promise<void> {
    while (queue.length > 0) {
      const spans = queue.take(spansAtOnce);
      const outcome = await post('traces', spansRequest(spans, options));
      if (outcome === 'retry') return queue.giveBack(spans);
      if (outcome === 'rejected') dropped.inc(spans.length);
    }
  }

  /** One run at a time of each kind, and nothing it throws gets out. */
  function quietly(work: () => Promise<void>): () => Promise<void> {
    let running: Promise<void> | null = null;
    return () => {
      running ??= work()
        .catch((error: unknown) => {
          telemetry.log.warn({ err: error }, 'exporting own telemetry failed');
        })
        .finally(() => (running = null));
      return running;
    };
  }
  const metrics = quietly(sendMetrics);
  const spans = quietly(sendSpans);
  const timers = [
    setInterval(() => void metrics(), options.metricsIntervalMs),
    setInterval(() => void spans(), options.spansIntervalMs ?? 5000),
  ];
  for (const timer of timers) timer.unref();
  const flush = async () => {
    await Promise.all([metrics(), spans()]);
  };
  return {
    flush,
    async stop() {
      for (const timer of timers) clearInterval(timer);
      delete telemetry.tracer;
      timeoutMs = Math.min(timeoutMs, 2000);
      await flush();
    },
  };
}
