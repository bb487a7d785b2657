import type { QueryObserver } from './guard.js';
import { Counter, Gauge, Histogram, type Telemetry } from '../../telemetry/index.js';

/** Counts queries for /metrics and records their spans. One a server: pass it to the QueryGuard. */
export function queryMetrics(telemetry: Telemetry): QueryObserver {
  const registers = [telemetry.registry];
  const inFlight = new Gauge({
    name: 'canardstack_queries_in_flight',
    help: 'Queries that run or wait for a place.',
    labelNames: ['api'],
    registers,
  });
  const total = new Counter({
    name: 'canardstack_queries_total',
    help: 'Finished queries by outcome.',
    labelNames: ['api', 'outcome'],
    registers,
  });
  const refusals = new Counter({
    name: 'canardstack_query_refusals_total',
    help: 'Queries refused before they ran.',
    labelNames: ['reason'],
    registers,
  });
  const seconds = new Histogram({
    name: 'canardstack_query_seconds',
    help: 'Duration of queries, waiting included.',
    labelNames: ['api'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  return {
    started(api) {
      inFlight.inc({ api });
    },
    finished(api, outcome, duration) {
      inFlight.dec({ api });
      total.inc({ api, outcome });
      seconds.observe({ api }, duration);
      const endMs = Date.now();
      telemetry.tracer?.record({
        name: `query ${api}`,
        startMs: endMs - duration * 1000,
        endMs,
        attributes: { 'canardstack.api': api, 'canardstack.outcome': outcome },
        ...(outcome === 'ok' ? {} : { error: outcome }),
      });
    },
    refused(reason) {
      refusals.inc({ reason });
    },
  };
}
