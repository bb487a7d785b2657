import type { PayloadResult, Signal } from '../../schema/index.js';
import { Counter, Gauge, Histogram, type Registry } from '../../telemetry/index.js';

export class DecodeMetrics {
  readonly #payloads;
  readonly #rows;
  readonly #rejected;
  readonly #droppedIds;
  readonly #bytes;
  readonly #seconds;
  readonly #restarts;

  constructor(registry: Registry, now: { queuedBytes: () => number; memoryBytes: () => number }) {
    const registers = [registry];
    new Gauge({
      name: 'canardstack_decode_queue_bytes',
      help: 'Received bytes that wait for decoding or are being decoded.',
      registers,
      collect() {
        this.set(now.queuedBytes());
      },
    });
    new Gauge({
      name: 'canardstack_decode_memory_bytes',
      help: 'Memory taken for decoding, and for decoded rows that are not held or dropped yet.',
      registers,
      collect() {
        this.set(now.memoryBytes());
      },
    });
    this.#payloads = new Counter({
      name: 'canardstack_decode_payloads_total',
      help: 'Payloads decoded, by outcome: ok or the error code.',
      labelNames: ['signal', 'outcome'],
      registers,
    });
    this.#rows = new Counter({
      name: 'canardstack_decode_rows_total',
      help: 'Rows that decoding made.',
      labelNames: ['signal'],
      registers,
    });
    this.#rejected = new Counter({
      name: 'canardstack_decode_rejected_records_total',
      help: 'Records rejected one by one (OTLP partial success).',
      labelNames: ['signal'],
      registers,
    });
    this.#droppedIds = new Counter({
      name: 'canardstack_decode_dropped_ids_total',
      help: 'Malformed optional trace and span ids that records, exemplars and spans were kept without, by field; of links, with the link.',
      labelNames: ['signal', 'field'],
      registers,
    });
    this.#bytes = new Counter({
      name: 'canardstack_decode_bytes_total',
      help: 'Decompressed bytes decoded.',
      labelNames: ['signal'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'canardstack_decode_group_seconds',
      help: 'Time that a group of payloads spent with a worker.',
      labelNames: ['signal'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30],
      registers,
    });
    this.#restarts = new Counter({
      name: 'canardstack_decode_worker_restarts_total',
      help: 'Decode workers lost to a crash or a time limit.',
      registers,
    });
  }

  restarted(): void {
    this.#restarts.inc();
  }

  decoded(signal: Signal, results: readonly PayloadResult[], seconds: number): void {
    let rows = 0;
    let rejected = 0;
    let bytes = 0;
    for (const result of results) {
      this.#payloads.inc({ signal, outcome: result.ok ? 'ok' : result.code });
      if (!result.ok) continue;
      rows += result.rows;
      rejected += result.rejected;
      bytes += result.decodedBytes;
      for (const [field, count] of Object.entries(result.droppedIds ?? {})) {
        this.#droppedIds.inc({ signal, field }, count);
      }
    }
    this.#rows.inc({ signal }, rows);
    this.#rejected.inc({ signal }, rejected);
    this.#bytes.inc({ signal }, bytes);
    this.#seconds.observe({ signal }, seconds);
  }
}
