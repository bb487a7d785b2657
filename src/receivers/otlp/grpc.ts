import { deniedMessage, type KeyCheck } from '../../http/auth.js';
import { keyCheck, withKey, type GrpcMethods, type TlsFiles } from '../../http/index.js';
import {
  encodings,
  healthService,
  startGrpcServer,
  status,
  statusName,
  type CallMetadata,
  type GrpcCall,
  type GrpcHandler,
  type GrpcServer,
  type ReadResult,
} from '../../grpc/index.js';
import type { Signal } from '../../schema/index.js';
import { BodyBudget } from '../body.js';
import { Exporter, type ReceiverOptions } from '../export.js';
import { encodeResponse } from './response.js';
import { invalid, refused, tooLarge, type Failure } from '../failure.js';
import { encodeRetryDetails } from './status.js';

export interface OtlpGrpcOptions extends ReceiverOptions {
  /** `host:port`. */
  readonly bind: string;
  /** undefined: anyone may call. Not optional, so that forgetting it cannot open the server. */
  readonly apiKey: string | undefined;
  readonly tls?: TlsFiles | undefined;
  /** Further methods, for callers with the key. */
  readonly methods?: GrpcMethods;
  /** What the health service tells. */
  readonly serving?: () => Promise<boolean>;
  /** From a call's headers to the end of its message. */
  readonly readTimeoutMs?: number;
  /** Calls whose message is being read, over all connections; beyond it RESOURCE_EXHAUSTED queue_full. */
  readonly maxReading?: number;
  /** Memory that messages being read may take together; beyond it RESOURCE_EXHAUSTED queue_full. */
  readonly maxHeldBytes?: number;
}

export type OtlpGrpcServer = GrpcServer;

/** Each signal's collector service (opentelemetry/proto/collector). */
const services: Record<Signal, string> = {
  logs: 'opentelemetry.proto.collector.logs.v1.LogsService',
  traces: 'opentelemetry.proto.collector.trace.v1.TraceService',
  metrics: 'opentelemetry.proto.collector.metrics.v1.MetricsService',
};

/** OTLP/gRPC (opentelemetry-proto, "OTLP/gRPC") and the health service. Rejects when the address cannot be bound. */
export async function startOtlpGrpc(options: OtlpGrpcOptions): Promise<OtlpGrpcServer> {
  const receiver = new GrpcReceiver(options);
  const health = await healthService({
    services: Object.values(services),
    serving: options.serving ?? (() => Promise.resolve(true)),
  });
  const methods = new Map<string, GrpcHandler>(health.methods);
  for (const [signal, service] of Object.entries(services) as [Signal, string][]) {
    methods.set(`/${service}/Export`, (call) => receiver.receive(signal, call));
  }
  for (const [path, handler] of withKey(keyCheck(options.apiKey), options.methods ?? new Map())) {
    methods.set(path, handler);
  }
  const { bind, tls, telemetry } = options;
  const server = await startGrpcServer({ bind, tls, telemetry, methods });
  return {
    address: server.address,
    close(graceMs) {
      health.stop();
      return server.close(graceMs);
    },
  };
}

class GrpcReceiver {
  readonly #exporter: Exporter;
  readonly #check: KeyCheck;
  readonly #budget: BodyBudget;
  readonly #readTimeoutMs: number;
  readonly #maxReading: number;
  #reading = 0;

  constructor(private readonly options: OtlpGrpcOptions) {
    this.#exporter = new Exporter(options, 'grpc');
    this.#check = keyCheck(options.apiKey);
    this.#budget = new BodyBudget(options.maxHeldBytes ?? 256 * 1024 * 1024);
    this.#exporter.metrics.bodies.set('grpc', this.#budget);
    this.#readTimeoutMs = options.readTimeoutMs ?? 30_000;
    this.#maxReading = options.maxReading ?? 1024;
  }

  async receive(signal: Signal, call: GrpcCall): Promise<void> {
    const { inFlight } = this.#exporter.metrics;
    inFlight.inc({ transport: 'grpc' });
    try {
      await this.#receive(signal, call);
    } finally {
      inFlight.dec({ transport: 'grpc' });
    }
  }

  async #receive(signal: Signal, call: GrpcCall): Promise<void> {
    const refusal = this.#refusal(call);
    if (refusal) return this.#fail(signal, call, refusal);
    const read = await this.#read(call);
    if (read.kind === 'aborted') {
      return this.#exporter.answered(signal, statusName(call.end(status.CANCELLED)));
    }
    if (read.kind !== 'complete') return this.#fail(signal, call, this.#unread(read, call));
    const outcome = await this.#exporter.export(
      { signal, format: 'protobuf', encoding: read.encoding },
      read.body,
    );
    if (!outcome.ok) return this.#fail(signal, call, outcome.failure);
    const code = call.reply(encodeResponse(signal, 'protobuf', outcome.kept.rejected, outcome.kept.reason));
    this.#exporter.answered(signal, statusName(code));
  }

  /** Checks the key and what the intake would refuse before a message is read. */
  #refusal(call: GrpcCall): Failure | null {
    const result = this.#check({
      authorization: call.header('authorization'),
      apiKey: call.header('x-api-key'),
    });
    if (result !== 'ok') return { http: 401, grpc: status.UNAUTHENTICATED, message: deniedMessage(result) };
    if (this.#reading >= this.#maxReading) {
      return refused('queue_full', `${this.#maxReading} calls are being read already`, 1);
    }
    return this.#exporter.refusal();
  }

  async #read(call: GrpcCall): Promise<ReadResult> {
    const { buffers } = this.options.intake;
    this.#reading++;
    try {
      return await call.message({
        maxBytes: this.options.config.maxBodyBytes,
        timeoutMs: this.#readTimeoutMs,
        budget: this.#budget,
        room: (length) => this.#exporter.room(length),
        release: (memory) => buffers.give(memory.buffer),
      });
    } finally {
      this.#reading--;
    }
  }

  #fail(signal: Signal, call: GrpcCall, failure: Failure): void {
    const code = call.end(failure.grpc, failure.message, details(failure));
    this.#exporter.answered(signal, statusName(code), code === failure.grpc ? failure : undefined);
  }

  #unread(read: Exclude<ReadResult, { kind: 'complete' | 'aborted' }>, call: GrpcCall): Failure {
    switch (read.kind) {
      case 'too_large':
        return tooLarge('message', this.options.config.maxBodyBytes);
      case 'timeout': {
        const message = `the message did not arrive in ${this.#readTimeoutMs / 1000} s`;
        return { http: 408, grpc: status.DEADLINE_EXCEEDED, message };
      }
      case 'no_room':
        return refused(
          'queue_full',
          `messages being read take all of the ${this.#budget.limitBytes} bytes allowed`,
          1,
        );
      case 'unsupported_encoding': {
        const given = (call.header('grpc-encoding') ?? '').slice(0, 100);
        const known = [...encodings.keys()].join(', ');
        // UNIMPLEMENTED by gRPC's "Compression"; the answer's grpc-accept-encoding says the same.
        const message = `grpc-encoding is ${given}; it must be one of ${known}`;
        return { http: 415, grpc: status.UNIMPLEMENTED, message };
      }
      case 'malformed':
        return invalid('malformed', read.why);
    }
  }
}

function details(failure: Failure): CallMetadata {
  const metadata: Record<string, string | Uint8Array> = {};
  if (failure.retryAfterSeconds !== undefined) {
    metadata['grpc-status-details-bin'] = encodeRetryDetails(failure, failure.retryAfterSeconds);
  }
  if (failure.reason) metadata['x-canardstack-reason'] = failure.reason;
  return metadata;
}
