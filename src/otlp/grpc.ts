import {
  experimental,
  Metadata,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  ServerListenerBuilder,
  ResponderBuilder,
  status,
  type sendUnaryData,
  type ServerInterceptor,
  type ServerUnaryCall,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { deniedMessage, type KeyCheck } from '../http/auth.js';
import { keyCheck, parseBind, type CertificatePair, type TlsFiles } from '../http/index.js';
import type { Signal } from '../schema/index.js';
import { Exporter, type OtlpOptions } from './export.js';
import { encodeResponse } from './response.js';
import { encodeRetryDetails, refused, type Failure } from './status.js';

export interface OtlpGrpcOptions extends OtlpOptions {
  /** `host:port`. */
  readonly bind: string;
  /** undefined: anyone may call. Not optional, so that forgetting it cannot open the server. */
  readonly apiKey: string | undefined;
  readonly tls?: TlsFiles | undefined;
  /** From a call's headers to the end of its message. */
  readonly readTimeoutMs?: number;
  /** Calls whose message is being read, over all connections; beyond it RESOURCE_EXHAUSTED queue_full. */
  readonly maxReading?: number;
}

export interface OtlpGrpcServer {
  /** `host:port`, with the port that was given when 0 was asked for. */
  readonly address: string;
  /** Takes no new calls, waits for those under way, and after `graceMs` cuts what is left. */
  close(graceMs: number): Promise<void>;
}

/** Method path of each signal's collector service (opentelemetry/proto/collector). */
const methods: Record<Signal, string> = {
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
};
const signalOf = new Map(Object.entries(methods).map(([signal, path]) => [path, signal as Signal]));

/** Messages stay bytes: decoding happens behind the intake. */
const identity = (bytes: Buffer): Buffer => bytes;

function serviceOf(path: string): ServiceDefinition {
  return {
    Export: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: identity,
      requestDeserialize: identity,
      responseSerialize: identity,
      responseDeserialize: identity,
    },
  };
}

/** OTLP/gRPC (opentelemetry-proto, "OTLP/gRPC"). Rejects when the address cannot be bound. */
export async function startOtlpGrpc(options: OtlpGrpcOptions): Promise<OtlpGrpcServer> {
  const exporter = new Exporter(options, 'grpc');
  const server = new Server({
    'grpc.max_receive_message_length': options.config.maxDecodedBodyBytes,
    'grpc.max_concurrent_streams': 256,
    // Finds connections whose peer is gone without a word.
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc.enable_channelz': 0,
    interceptors: [admission(exporter, keyCheck(options.apiKey), options)],
  });
  for (const [signal, path] of Object.entries(methods) as [Signal, string][]) {
    server.addService(serviceOf(path), {
      Export: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
        void exportCall(exporter, signal, call.request, done),
    });
  }
  const { host } = parseBind(options.bind);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(options.bind, credentials(options.tls), (error, bound) =>
      error ? reject(new Error(`gRPC cannot listen on ${options.bind}`, { cause: error })) : resolve(bound),
    );
  });
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return {
    address,
    async close(graceMs) {
      // Cuts sessions at the end of the grace time; forceShutdown knows them only with channelz on.
      server.drain(address, graceMs);
      let late: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        server.tryShutdown(() => resolve());
        late = setTimeout(resolve, graceMs + 1000);
      });
      clearTimeout(late);
      server.forceShutdown();
    },
  };
}

async function exportCall(
  exporter: Exporter,
  signal: Signal,
  message: Buffer,
  done: sendUnaryData<Buffer>,
): Promise<void> {
  const { inFlight } = exporter.metrics;
  inFlight.inc({ transport: 'grpc' });
  const body = exporter.room(message.length);
  body.set(message);
  const outcome = await exporter.export(signal, 'protobuf', 'identity', body);
  inFlight.dec({ transport: 'grpc' });
  if (outcome.ok) {
    exporter.answered(signal, 'OK');
    done(null, encodeResponse(signal, 'protobuf', outcome.rejected, outcome.reason));
  } else {
    exporter.answered(signal, status[outcome.failure.grpc], outcome.failure);
    done({
      code: outcome.failure.grpc,
      details: outcome.failure.message,
      metadata: details(outcome.failure),
    });
  }
}

function details(failure: Failure): Metadata {
  const metadata = new Metadata();
  if (failure.retryAfterSeconds !== undefined) {
    metadata.set('grpc-status-details-bin', encodeRetryDetails(failure, failure.retryAfterSeconds));
  }
  if (failure.reason) metadata.set('x-canardstack-reason', failure.reason);
  return metadata;
}

/** Checks the key and what the intake would refuse before a message is read, and bounds the reading. */
function admission(exporter: Exporter, check: KeyCheck, options: OtlpGrpcOptions): ServerInterceptor {
  const readTimeoutMs = options.readTimeoutMs ?? 30_000;
  const maxReading = options.maxReading ?? 1024;
  let reading = 0;

  const refusal = (metadata: Metadata): Failure | null => {
    const result = check({
      authorization: first(metadata, 'authorization'),
      apiKey: first(metadata, 'x-api-key'),
    });
    if (result !== 'ok') return { http: 401, grpc: status.UNAUTHENTICATED, message: deniedMessage(result) };
    if (reading >= maxReading) return refused('queue_full', `${maxReading} calls are being read already`, 1);
    return exporter.refusal();
  };

  return (method, call) => {
    const signal = signalOf.get(method.path) ?? 'logs';
    let timer: NodeJS.Timeout | undefined;
    let state: 'new' | 'reading' | 'read' | 'answered' = 'new';
    const stopReading = () => {
      if (state !== 'reading') return;
      clearTimeout(timer);
      reading--;
      state = 'read';
    };
    const fail = (failure: Failure) => {
      stopReading();
      state = 'answered';
      exporter.answered(signal, status[failure.grpc], failure);
      call.sendStatus({ code: failure.grpc, details: failure.message, metadata: details(failure) });
    };
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        const failure = refusal(metadata);
        if (failure) return fail(failure);
        state = 'reading';
        reading++;
        timer = setTimeout(() => {
          const message = `the message did not arrive in ${readTimeoutMs / 1000} s`;
          fail({ http: 408, grpc: status.DEADLINE_EXCEEDED, message });
        }, readTimeoutMs);
        next(metadata);
      })
      .withOnReceiveMessage((message, next) => {
        stopReading();
        next(message);
      })
      .withOnCancel(() => {
        // While reading, this is grpc-js refusing the message by itself (its size, its compression) or the client going away.
        if (state !== 'reading') return;
        stopReading();
        exporter.answered(signal, 'CANCELLED');
      })
      .build();
    return new ServerInterceptingCall(
      call,
      new ResponderBuilder().withStart((next) => next(listener)).build(),
    );
  };
}

function first(metadata: Metadata, name: string): string | undefined {
  const value = metadata.get(name)[0];
  return typeof value === 'string' ? value : value?.toString('latin1');
}

/** Follows the certificate files through grpc-js's certificate providers: new connections get the new pair. */
function credentials(tls: TlsFiles | undefined): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure();
  const stops = new Map<experimental.IdentityCertificateUpdateListener, () => void>();
  const provider: experimental.CertificateProvider = {
    addCaCertificateListener() {},
    removeCaCertificateListener() {},
    addIdentityCertificateListener(listener) {
      const update = ({ cert, key }: CertificatePair) => listener({ certificate: cert, privateKey: key });
      stops.set(listener, tls.onChange(update));
      // The server registers its own watcher after this call returns; earlier it would miss the first pair.
      process.nextTick(() => update(tls.current));
    },
    removeIdentityCertificateListener(listener) {
      stops.get(listener)?.();
      stops.delete(listener);
    },
  };
  // The first parameter is the server's own certificate, whatever the declared name says.
  return experimental.createCertificateProviderServerCredentials(provider, null, false);
}
