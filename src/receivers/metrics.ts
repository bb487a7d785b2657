import { Counter, Gauge, Histogram, type Registry } from '../telemetry/index.js';
import type { BodyBudget } from './body.js';

/** How a request came: OTLP's by its transport, those of other protocols by the protocol's name. */
export type Transport = string;

export interface ReceiverMetrics {
  readonly requests: Counter<'signal' | 'transport' | 'code'>;
  readonly requestBytes: Counter<'signal' | 'transport'>;
  /** `reason` only for those rejected. */
  readonly records: Counter<'signal' | 'outcome' | 'reason'>;
  readonly warnings: Counter<'signal'>;
  readonly refusals: Counter<'signal' | 'reason'>;
  readonly ackSeconds: Histogram<'signal' | 'transport'>;
  readonly inFlight: Gauge<'transport'>;
  /** What is measured as memory held by bodies being read. */
  readonly bodies: Map<Transport, BodyBudget>;
}

const registered = new WeakMap<Registry, ReceiverMetrics>();

/** The metrics of all receivers; made once a registry. */
export function receiverMetrics(registry: Registry): ReceiverMetrics {
  let metrics = registered.get(registry);
  if (!metrics) registered.set(registry, (metrics = create(registry)));
  return metrics;
}

function create(registry: Registry): ReceiverMetrics {
  const registers = [registry];
  const bodies = new Map<Transport, BodyBudget>();
  new Gauge({
    name: 'canardstack_otlp_body_bytes_held',
    help: 'Memory taken by request bodies that are being read.',
    labelNames: ['transport'],
    registers,
    collect() {
      for (const [transport, { heldBytes }] of bodies) this.set({ transport }, heldBytes);
    },
  });
  return {
    requests: new Counter({
      name: 'canardstack_otlp_requests_total',
      help: 'Export requests answered, by HTTP status or gRPC status name.',
      labelNames: ['signal', 'transport', 'code'],
      registers,
    }),
    requestBytes: new Counter({
      name: 'canardstack_otlp_request_bytes_total',
      help: 'Bytes of request bodies read, as received.',
      labelNames: ['signal', 'transport'],
      registers,
    }),
    records: new Counter({
      name: 'canardstack_otlp_records_total',
      help: 'Log records, spans and data points of answered requests, by outcome; rejected ones by reason.',
      labelNames: ['signal', 'outcome', 'reason'],
      registers,
    }),
    warnings: new Counter({
      name: 'canardstack_otlp_warnings_total',
      help: 'Requests answered with success and a warning: JSON fields that were ignored and likely not meant to be.',
      labelNames: ['signal'],
      registers,
    }),
    refusals: new Counter({
      name: 'canardstack_otlp_refusals_total',
      help: 'Export requests refused although nothing was wrong with them, by reason.',
      labelNames: ['signal', 'reason'],
      registers,
    }),
    ackSeconds: new Histogram({
      name: 'canardstack_otlp_ack_seconds',
      help: 'Time from a request being read to its acknowledgement.',
      labelNames: ['signal', 'transport'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    inFlight: new Gauge({
      name: 'canardstack_otlp_requests_in_flight',
      help: 'Export requests being read or waiting for their acknowledgement.',
      labelNames: ['transport'],
      registers,
    }),
    bodies,
  };
}
