import type { DuckDBConnection } from '@duckdb/node-api';
import { firstLine } from '../../duckdb/index.js';
import { Counter, Gauge, type Telemetry } from '../../telemetry/index.js';
import type { BackgroundHost } from '../background.js';
import { loadUnit, type UnitFile } from './load.js';
import { unitBytes, type MetricPart, type SharedUnit } from './unit.js';

export type { UnitFile } from './load.js';

export interface SampleCacheOptions {
  readonly host: Pick<BackgroundHost, 'acquire' | 'release'>;
  /** Bytes of all units together; 0 keeps none. */
  readonly maxBytes: number;
  readonly telemetry: Telemetry;
}

interface Kept {
  readonly unit: Promise<SharedUnit | null>;
  /** Once it is there. */
  loaded: SharedUnit | null;
  bytes: number;
}

/** Also those that could not be kept are remembered, this many in all. */
const mostUnits = 20_000;
const bytesPerSample = 12;

/**
 * Keeps the samples of metrics in memory, by metric and data file, once a query asked for them. A data file never
 * changes, so what was read of it stays right for as long as its number means it.
 */
export class SampleCache {
  /** In the order of their last use. */
  readonly #units = new Map<string, Kept>();
  #bytes = 0;
  #loading: Promise<unknown> = Promise.resolve();
  #connection: DuckDBConnection | null = null;
  #closed = false;
  readonly #loads: Counter;

  constructor(private readonly options: SampleCacheOptions) {
    const registers = [options.telemetry.registry];
    const bytes = () => this.#bytes;
    new Gauge({
      name: 'canardstack_sample_cache_bytes',
      help: 'Samples of metrics that are kept in memory.',
      registers,
      collect() {
        this.set(bytes());
      },
    });
    this.#loads = new Counter({
      name: 'canardstack_sample_cache_loads_total',
      help: 'Metrics of data files read for the cache of samples; refused: too large, increments, or an error.',
      labelNames: ['result'],
      registers,
    });
  }

  /** Whether so many samples, besides what is kept, may be asked for at once. */
  takes(samples: number): boolean {
    return samples * bytesPerSample <= this.options.maxBytes / 2;
  }

  has(file: number, metric: MetricPart): boolean {
    return this.#units.has(keyOf(file, metric));
  }

  /** Undefined where they are not kept now. */
  kept(file: number, metric: MetricPart): SharedUnit | undefined {
    const key = keyOf(file, metric);
    const known = this.#units.get(key);
    if (!known?.loaded) return undefined;
    this.#used(key, known);
    return known.loaded;
  }

  /** Null where they are not kept. Loads what is missing, one unit after the other. */
  async unit(file: UnitFile, metric: MetricPart): Promise<SharedUnit | null> {
    if (this.options.maxBytes === 0 || this.#closed) return null;
    const key = keyOf(file.file, metric);
    const known = this.#units.get(key);
    if (known) {
      this.#used(key, known);
      return known.unit.catch(() => null);
    }
    const unit = this.#queue(file, metric);
    const kept: Kept = { unit, loaded: null, bytes: 0 };
    this.#units.set(key, kept);
    const loaded = await unit.catch((error: unknown) => {
      this.#loads.inc({ result: 'error' });
      this.options.telemetry.log.debug({ err: firstLine(error) }, 'samples could not be kept');
      this.#units.delete(key);
      return null;
    });
    if (this.#units.get(key) === kept && loaded !== null) {
      kept.loaded = loaded;
      kept.bytes = unitBytes(loaded);
      this.#bytes += kept.bytes;
    }
    this.#makeRoom();
    return loaded;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#connection?.interrupt();
    await this.#loading;
    this.#units.clear();
    this.#bytes = 0;
  }

  #used(key: string, kept: Kept): void {
    this.#units.delete(key);
    this.#units.set(key, kept);
  }

  #queue(file: UnitFile, metric: MetricPart): Promise<SharedUnit | null> {
    const unit = this.#loading.then(() => this.#load(file, metric));
    this.#loading = unit.catch(() => undefined);
    return unit;
  }

  async #load(file: UnitFile, metric: MetricPart): Promise<SharedUnit | null> {
    if (this.#closed) return null;
    try {
      this.#connection = await this.options.host.acquire();
      const most = this.options.maxBytes / 2 / bytesPerSample;
      const unit = await loadUnit(this.#connection, file, metric, most);
      this.#loads.inc({ result: unit === null ? 'refused' : 'kept' });
      return unit;
    } finally {
      if (this.#connection) this.options.host.release(this.#connection);
      this.#connection = null;
    }
  }

  #makeRoom(): void {
    for (const [key, { bytes }] of this.#units) {
      if (this.#bytes <= this.options.maxBytes && this.#units.size <= mostUnits) return;
      this.#units.delete(key);
      this.#bytes -= bytes;
    }
  }
}

function keyOf(file: number, { name, part }: MetricPart): string {
  return `${file}/${part}/${name}`;
}
