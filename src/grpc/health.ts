import { setTimeout as sleep } from 'node:timers/promises';
import { decompress, loadZstd, Source } from '../decode/index.js';
import { type GrpcCall } from './call.js';
import { intField } from './protobuf.js';
import type { GrpcHandler } from './server.js';
import { status, type Status } from './status.js';

export interface HealthOptions {
  /** Full names of the services that are told apart; '' (the whole server) is always there. */
  readonly services: readonly string[];
  readonly serving: () => Promise<boolean>;
  /** How old an answer of `serving` may be, and how often watched services are looked at. */
  readonly refreshMs?: number;
  readonly maxWatchers?: number;
}

export interface HealthService {
  readonly methods: ReadonlyMap<string, GrpcHandler>;
  /** From now on nothing is served: watchers are told and their calls ended. */
  stop(): void;
}

/** grpc.health.v1.HealthCheckResponse.ServingStatus */
const serving = 1;
const notServing = 2;
const serviceUnknown = 3;

const maxRequestBytes = 4096;
const readTimeoutMs = 10_000;

/** grpc.health.v1.Health (grpc/doc/health-checking.md). Needs no key: probes of orchestrators have none. */
export async function healthService(options: HealthOptions): Promise<HealthService> {
  await loadZstd();
  const health = new Health(options);
  return {
    methods: new Map([
      ['/grpc.health.v1.Health/Check', (call) => health.check(call)],
      ['/grpc.health.v1.Health/Watch', (call) => health.watch(call)],
    ]),
    stop: () => health.stop.abort(),
  };
}

class Health {
  readonly stop = new AbortController();
  readonly #services: ReadonlySet<string>;
  readonly #refreshMs: number;
  readonly #maxWatchers: number;
  #asked = -Infinity;
  #answer: Promise<boolean> = Promise.resolve(false);
  #watchers = 0;

  constructor(private readonly options: HealthOptions) {
    this.#services = new Set(['', ...options.services]);
    this.#refreshMs = options.refreshMs ?? 1000;
    this.#maxWatchers = options.maxWatchers ?? 1000;
  }

  async check(call: GrpcCall): Promise<void> {
    const service = await serviceOf(call);
    if (service === null) return;
    if (!this.#services.has(service)) {
      call.end(status.NOT_FOUND, `no such service: ${service.slice(0, 200)}`);
      return;
    }
    call.reply(intField(1, await this.#status(service)));
  }

  async watch(call: GrpcCall): Promise<void> {
    const service = await serviceOf(call);
    if (service === null) return;
    if (this.#watchers >= this.#maxWatchers) {
      call.end(status.RESOURCE_EXHAUSTED, `${this.#maxWatchers} calls watch already`);
      return;
    }
    this.#watchers++;
    const ended = AbortSignal.any([call.signal, this.stop.signal]);
    try {
      let told = 0;
      for (;;) {
        const now = await this.#status(service);
        if (now !== told) await call.write(intField(1, (told = now)));
        if (ended.aborted) break;
        await sleep(this.#refreshMs, undefined, { signal: ended }).catch(() => undefined);
      }
      call.end(status.UNAVAILABLE, 'shutting down');
    } finally {
      this.#watchers--;
    }
  }

  async #status(service: string): Promise<number> {
    if (!this.#services.has(service)) return serviceUnknown;
    if (this.stop.signal.aborted) return notServing;
    return (await this.#serving()) ? serving : notServing;
  }

  #serving(): Promise<boolean> {
    const now = performance.now();
    if (now - this.#asked >= this.#refreshMs) {
      this.#asked = now;
      this.#answer = this.options.serving().catch(() => false);
    }
    return this.#answer;
  }
}

/** HealthCheckRequest's `service`; null when the call was ended because it can't be read. */
async function serviceOf(call: GrpcCall): Promise<string | null> {
  const read = await call.message({ maxBytes: maxRequestBytes, timeoutMs: readTimeoutMs });
  if (read.kind === 'complete') {
    try {
      return parseService(decompress(read.body, read.encoding, maxRequestBytes));
    } catch (error) {
      call.end(status.INVALID_ARGUMENT, error instanceof Error ? error.message : String(error));
      return null;
    }
  }
  const failures: Record<Exclude<typeof read.kind, 'complete' | 'aborted'>, Status> = {
    too_large: status.RESOURCE_EXHAUSTED,
    no_room: status.RESOURCE_EXHAUSTED,
    timeout: status.DEADLINE_EXCEEDED,
    unsupported_encoding: status.UNIMPLEMENTED,
    malformed: status.INVALID_ARGUMENT,
  };
  if (read.kind !== 'aborted') call.end(failures[read.kind], `the request cannot be read: ${read.kind}`);
  return null;
}

function parseService(message: Uint8Array): string {
  const source = new Source();
  source.load(message);
  let service = '';
  for (let pos = 0; pos < message.length;) {
    pos = source.tag(pos, message.length);
    if (source.lo === 0x0a) {
      const start = source.open(pos, message.length);
      pos = source.to;
      service = source.text(start, pos - start);
    } else pos = source.skip(pos, message.length, source.lo);
  }
  return service;
}
