import { Counter, Histogram, type Registry } from '../telemetry/index.js';
import { StorageError } from './errors.js';

export type Observe = <T>(op: string, work: () => Promise<T>) => Promise<T>;

interface Metrics {
  readonly requests: Counter<'op' | 'outcome'>;
  readonly seconds: Histogram<'op'>;
}

/** A registry takes each name once, and a process opens several storages. */
const byRegistry = new WeakMap<Registry, Metrics>();

/** Counts and times operations; an operation with its retries is one. */
export function observer(registry: Registry | undefined): Observe {
  if (registry === undefined) return (_op, work) => work();
  const { requests, seconds } = metricsOf(registry);
  return async (op, work) => {
    const begun = performance.now();
    let outcome = 'ok';
    try {
      return await work();
    } catch (error) {
      outcome = error instanceof StorageError ? error.kind : 'unavailable';
      throw error;
    } finally {
      requests.inc({ op, outcome });
      seconds.observe({ op }, (performance.now() - begun) / 1000);
    }
  };
}

function metricsOf(registry: Registry): Metrics {
  let metrics = byRegistry.get(registry);
  if (!metrics) {
    const registers = [registry];
    metrics = {
      requests: new Counter({
        name: 'canardstack_storage_requests_total',
        help: 'Operations on the object store by this process itself (not those by DuckDB), by outcome.',
        labelNames: ['op', 'outcome'],
        registers,
      }),
      seconds: new Histogram({
        name: 'canardstack_storage_request_seconds',
        help: 'Time of operations on the object store, retries included.',
        labelNames: ['op'],
        buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
        registers,
      }),
    };
    byRegistry.set(registry, metrics);
  }
  return metrics;
}
