import { Counter, Gauge, type Registry } from '../../telemetry/index.js';

export interface CatalogServerMetrics {
  readonly refused: Counter<'reason'>;
  readonly requests: Counter<'outcome'>;
  readonly bytes: Counter<'direction'>;
  readonly probeSeconds: Gauge;
  readonly checkpoints: Counter<'status'>;
}

export function catalogServerMetrics(registry: Registry): CatalogServerMetrics {
  const registers = [registry];
  return {
    refused: new Counter({
      name: 'canardstack_catalog_refused_total',
      help: 'Connections and requests that the catalog server refused, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    requests: new Counter({
      name: 'canardstack_catalog_requests_total',
      help: 'Requests of clients by outcome: ok, failed (no whole answer), cut (answer withheld without the lease).',
      labelNames: ['outcome'],
      registers,
    }),
    bytes: new Counter({
      name: 'canardstack_catalog_bytes_total',
      help: 'Bytes of request and answer bodies.',
      labelNames: ['direction'],
      registers,
    }),
    probeSeconds: new Gauge({
      name: 'canardstack_catalog_query_seconds',
      help: 'Time of the last health query on the catalog.',
      registers,
    }),
    checkpoints: new Counter({
      name: 'canardstack_catalog_file_checkpoints_total',
      help: "Times the catalog file's WAL was written back, by status.",
      labelNames: ['status'],
      registers,
    }),
  };
}

/** Values read when asked for. */
export function catalogServerGauges(
  registry: Registry,
  read: {
    connections: () => number;
    sessions: () => Promise<number>;
    sizes: () => Promise<{ file: number; wal: number }>;
  },
): void {
  const registers = [registry];
  new Gauge({
    name: 'canardstack_catalog_connections',
    help: 'Open connections of clients.',
    registers,
    collect() {
      this.set(read.connections());
    },
  });
  new Gauge({
    name: 'canardstack_catalog_sessions',
    help: 'Quack sessions; those of clients that died stay until the server stops.',
    registers,
    async collect() {
      await read.sessions().then(
        (count) => this.set(count),
        () => undefined,
      );
    },
  });
  new Gauge({
    name: 'canardstack_catalog_file_bytes',
    help: 'Size of the catalog file and of its WAL.',
    labelNames: ['file'],
    registers,
    async collect() {
      const { file, wal } = await read.sizes();
      this.set({ file: 'catalog' }, file);
      this.set({ file: 'wal' }, wal);
    },
  });
}
