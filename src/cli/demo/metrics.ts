import { attributeList, nanos, type Attributes, type Span } from './otlp.js';
import type { Random } from './random.js';
import { resourceOf, services } from './shop.js';

const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

interface Histogram {
  readonly attributes: Attributes;
  readonly buckets: number[];
  count: number;
  sum: number;
  exemplar: {
    readonly value: number;
    readonly atMs: number;
    readonly traceId: string;
    readonly spanId: string;
  } | null;
}

/** What the shop's services count; cumulative since `startMs`. */
export class ShopMetrics {
  private readonly requests = new Map<string, Map<string, Histogram>>();
  private readonly orders = { placed: 0, failed: 0 };
  private readonly heap = new Map(services.map((service) => [service, 90e6]));

  constructor(
    private readonly startMs: number,
    private readonly random: Random,
  ) {}

  add(span: Span): void {
    if (span.kind !== 'server') return;
    const {
      'http.route': route = '',
      'http.request.method': method = '',
      'http.response.status_code': status = 0,
    } = span.attributes;
    const histogram = this.histogram(span.service, {
      'http.route': route,
      'http.request.method': method,
      'http.response.status_code': status,
    });
    const value = (span.endMs - span.startMs) / 1000;
    const at = bounds.findIndex((bound) => value <= bound);
    const bucket = at < 0 ? bounds.length : at;
    histogram.buckets[bucket] = (histogram.buckets[bucket] ?? 0) + 1;
    histogram.count += 1;
    histogram.sum += value;
    if (histogram.exemplar === null || value > histogram.exemplar.value) {
      histogram.exemplar = { value, atMs: span.endMs, traceId: span.traceId, spanId: span.spanId };
    }
    if (span.service === 'checkout') this.orders[span.error === undefined ? 'placed' : 'failed'] += 1;
  }

  /** The points of all services at one time. */
  resourceMetrics(atMs: number): object[] {
    return services.map((service) => ({
      resource: { attributes: attributeList(resourceOf(service)) },
      scopeMetrics: [{ scope: { name: 'shop.metrics' }, metrics: this.metricsOf(service, atMs) }],
    }));
  }

  private histogram(service: string, attributes: Attributes): Histogram {
    const ofService = this.requests.get(service) ?? new Map<string, Histogram>();
    this.requests.set(service, ofService);
    const key = JSON.stringify(attributes);
    const known = ofService.get(key);
    if (known) return known;
    const made: Histogram = {
      attributes,
      buckets: Array<number>(bounds.length + 1).fill(0),
      count: 0,
      sum: 0,
      exemplar: null,
    };
    ofService.set(key, made);
    return made;
  }

  private metricsOf(service: string, atMs: number): object[] {
    const times = { startTimeUnixNano: nanos(this.startMs), timeUnixNano: nanos(atMs) };
    const heap = (this.heap.get(service) ?? 0) * this.random.between(0.97, 1.035);
    this.heap.set(service, heap > 240e6 || heap < 40e6 ? 80e6 : heap);
    const metrics: object[] = [
      {
        name: 'http.server.request.duration',
        description: 'Duration of HTTP server requests.',
        unit: 's',
        histogram: { aggregationTemporality: 2, dataPoints: this.points(service, times) },
      },
      {
        name: 'process.memory.usage',
        description: 'The amount of physical memory in use.',
        unit: 'By',
        gauge: { dataPoints: [{ timeUnixNano: nanos(atMs), asInt: String(Math.round(heap)) }] },
      },
    ];
    if (service === 'checkout') {
      metrics.push({
        name: 'shop.orders',
        description: 'Orders by what became of them.',
        unit: '{order}',
        sum: {
          aggregationTemporality: 2,
          isMonotonic: true,
          dataPoints: Object.entries(this.orders).map(([outcome, count]) => ({
            ...times,
            asInt: String(count),
            attributes: attributeList({ outcome }),
          })),
        },
      });
    }
    if (service === 'mailer') {
      metrics.push({
        name: 'messaging.queue.length',
        description: 'Messages that wait in the queue of orders.',
        unit: '{message}',
        gauge: { dataPoints: [{ timeUnixNano: nanos(atMs), asInt: String(this.random.integer(0, 9)) }] },
      });
    }
    return metrics;
  }

  private points(service: string, times: object): object[] {
    return [...(this.requests.get(service)?.values() ?? [])].map((histogram) => {
      const { exemplar } = histogram;
      histogram.exemplar = null;
      return {
        ...times,
        attributes: attributeList(histogram.attributes),
        count: String(histogram.count),
        sum: histogram.sum,
        explicitBounds: bounds,
        bucketCounts: histogram.buckets.map(String),
        exemplars: exemplar
          ? [
              {
                timeUnixNano: nanos(exemplar.atMs),
                asDouble: exemplar.value,
                traceId: exemplar.traceId,
                spanId: exemplar.spanId,
              },
            ]
          : [],
      };
    });
  }
}
