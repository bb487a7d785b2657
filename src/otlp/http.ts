import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from '../http/index.js';
import type { ContentEncoding, PayloadFormat, Signal } from '../schema/index.js';
import { BodyBudget, contentLength, readBody } from './body.js';
import { answerEarly } from './early.js';
import { Exporter, type OtlpOptions } from './export.js';
import { encodeResponse } from './response.js';
import {
  encodeStatus,
  grpcCodeOf,
  internalFailure,
  invalid,
  refused,
  tooLarge,
  type Failure,
} from './status.js';

export interface OtlpHttpOptions extends OtlpOptions {
  /** For the whole body, from its headers on. */
  readonly bodyTimeoutMs?: number;
  /** Memory that bodies being read may take together; beyond it 429 queue_full. */
  readonly maxHeldBytes?: number;
  /** How long a connection is kept open after an answer that came before the body's end. */
  readonly lingerMs?: number;
}

/** The specification's path, and those that Loki, Tempo and Prometheus take OTLP at, for who comes from there. */
const prefixes = ['', '/otlp', '/api/v1/otlp'];
const signals: readonly Signal[] = ['logs', 'traces', 'metrics'];
const routes: ReadonlyMap<string, Signal> = new Map(
  prefixes.flatMap((prefix) =>
    signals.flatMap((signal): [string, Signal][] => [
      [`${prefix}/v1/${signal}`, signal],
      [`${prefix}/v1/${signal}/`, signal],
    ]),
  ),
);

const contentTypes: Record<PayloadFormat, string> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
};

/** Of requests; media types that stand for the same are taken too. */
const formats: ReadonlyMap<string, PayloadFormat> = new Map([
  ['application/x-protobuf', 'protobuf'],
  ['application/protobuf', 'protobuf'],
  ['application/vnd.google.protobuf', 'protobuf'],
  ['application/json', 'json'],
]);

/** What a request may be encoded with, as clients name it. */
const encodings: ReadonlyMap<string, ContentEncoding> = new Map([
  ['', 'identity'],
  ['identity', 'identity'],
  ['none', 'identity'],
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['zlib', 'deflate'],
  ['zstd', 'zstd'],
  ['snappy', 'snappy'],
  ['x-snappy-framed', 'snappy'],
]);
const encodingNames = 'gzip, deflate, zstd, snappy, identity';

/** OTLP/HTTP (opentelemetry-proto, "OTLP/HTTP"): POST /v1/logs, /v1/traces, /v1/metrics, and their aliases. */
export function otlpHttp(options: OtlpHttpOptions): FastifyPluginAsync {
  return async (app) => {
    const receiver = new HttpReceiver(options);
    // Bodies are read by the handler, after the checks that need only headers.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _body, done) => done(null));
    app.setErrorHandler((error, request, reply) => receiver.failed(error, request, reply));
    for (const [url, signal] of routes) {
      app.post(url, (request, reply) => receiver.receive(signal, request, reply));
      app.route({
        method: ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
        url,
        exposeHeadRoute: false,
        handler: (request) => {
          throw new HttpError(405, 'method_not_allowed', `${url} takes POST, not ${request.method}`, {
            allow: 'POST',
          });
        },
      });
    }
  };
}

class HttpReceiver {
  readonly #exporter: Exporter;
  readonly #budget: BodyBudget;
  readonly #maxBodyBytes: number;
  readonly #bodyTimeoutMs: number;
  readonly #lingerMs: number;

  constructor(private readonly options: OtlpHttpOptions) {
    this.#exporter = new Exporter(options, 'http');
    this.#budget = new BodyBudget(options.maxHeldBytes ?? 256 * 1024 * 1024);
    this.#exporter.metrics.bodies.set('http', this.#budget);
    this.#maxBodyBytes = options.config.maxBodyBytes;
    this.#bodyTimeoutMs = options.bodyTimeoutMs ?? 30_000;
    this.#lingerMs = options.lingerMs ?? 2000;
  }

  async receive(signal: Signal, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { inFlight } = this.#exporter.metrics;
    inFlight.inc({ transport: 'http' });
    try {
      return await this.#receive(signal, request, reply);
    } finally {
      inFlight.dec({ transport: 'http' });
    }
  }

  async #receive(signal: Signal, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const format = formatOf(request);
    if (format === null) return this.#fail(signal, request, reply, unsupportedType(request));
    const encoding = encodingOf(request);
    if (encoding === null) return this.#fail(signal, request, reply, unsupportedEncoding(request));
    const refusal = this.#exporter.refusal();
    if (refusal) return this.#fail(signal, request, reply, refusal);

    const read = await readBody(
      request.raw,
      this.#maxBodyBytes,
      this.#bodyTimeoutMs,
      this.#budget,
      this.options.intake.buffers,
    );
    if (read.kind === 'aborted') {
      this.#exporter.answered(signal, '499');
      return reply.hijack();
    }
    if (read.kind !== 'complete') return this.#fail(signal, request, reply, this.#unread(read.kind));

    const outcome = await this.#exporter.export(signal, format, encoding, read.body);
    if (!outcome.ok) return this.#fail(signal, request, reply, outcome.failure);
    this.#exporter.answered(signal, '200');
    return reply
      .code(200)
      .header('content-type', contentTypes[format])
      .send(encodeResponse(signal, format, outcome.rejected, outcome.reason));
  }

  /** Answers what was thrown outside `receive`: by the key check, the method check or Fastify itself. */
  failed(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const failure = this.#failureFrom(error, request);
    this.#fail(routes.get(request.routeOptions.url ?? ''), request, reply, failure);
  }

  #failureFrom(error: unknown, request: FastifyRequest): Failure {
    const { statusCode, message } = error as { statusCode?: unknown; message?: unknown };
    if (error instanceof HttpError) {
      const { statusCode: http, headers } = error;
      return { http, grpc: grpcCodeOf(http), message: error.message, headers };
    }
    // Fastify's parser of media types refuses before the handler runs.
    if (statusCode === 415) return unsupportedType(request);
    if (typeof statusCode === 'number' && statusCode < 500 && typeof message === 'string') {
      return { http: statusCode, grpc: grpcCodeOf(statusCode), message };
    }
    this.options.telemetry.log.error({ err: error, route: request.routeOptions.url }, 'request failed');
    return internalFailure;
  }

  #fail(
    signal: Signal | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
    failure: Failure,
  ): FastifyReply {
    if (signal) this.#exporter.answered(signal, String(failure.http), failure);
    const format = formatOf(request) ?? 'json';
    const body = encodeStatus(failure, format);
    const headers: Record<string, string> = { 'content-type': contentTypes[format], ...failure.headers };
    if (failure.reason) headers['x-canardstack-reason'] = failure.reason;
    if (failure.retryAfterSeconds !== undefined) {
      headers['retry-after'] = String(Math.max(1, Math.ceil(failure.retryAfterSeconds)));
    }
    // What is left of an ordinary body Node reads and drops by itself, and the connection lives on.
    const length = contentLength(request.raw);
    const ordinary = length !== undefined && length <= this.#maxBodyBytes && failure.http !== 408;
    if (request.raw.complete || ordinary) return reply.code(failure.http).headers(headers).send(body);
    answerEarly(reply, failure.http, headers, body, {
      bytes: Math.max(this.#maxBodyBytes, 1024 * 1024),
      ms: this.#lingerMs,
    });
    return reply;
  }

  #unread(kind: 'too_large' | 'timeout' | 'no_room'): Failure {
    switch (kind) {
      case 'too_large':
        return tooLarge('request body', this.#maxBodyBytes);
      case 'timeout':
        return {
          http: 408,
          grpc: grpcCodeOf(408),
          message: `the request body did not arrive in ${this.#bodyTimeoutMs / 1000} s`,
        };
      case 'no_room':
        return refused(
          'queue_full',
          `bodies being read take all of the ${this.#budget.limitBytes} bytes allowed`,
          1,
        );
    }
  }
}

function mediaType(request: FastifyRequest): string {
  const header = request.headers['content-type'] ?? '';
  const end = header.indexOf(';');
  return (end < 0 ? header : header.slice(0, end)).trim().toLowerCase();
}

function formatOf(request: FastifyRequest): PayloadFormat | null {
  return formats.get(mediaType(request)) ?? null;
}

function encodingOf(request: FastifyRequest): ContentEncoding | null {
  const header = (request.headers['content-encoding'] ?? '').trim().toLowerCase();
  return encodings.get(header) ?? null;
}

function unsupportedType(request: FastifyRequest): Failure {
  const given = mediaType(request).slice(0, 100) || 'missing';
  return {
    http: 415,
    grpc: grpcCodeOf(415),
    message: `content-type is ${given}; it must be application/x-protobuf or application/json`,
    headers: { accept: 'application/x-protobuf, application/json' },
  };
}

function unsupportedEncoding(request: FastifyRequest): Failure {
  const given = (request.headers['content-encoding'] ?? '').slice(0, 100);
  return {
    ...invalid('unsupported_encoding', `content-encoding is ${given}; it must be one of ${encodingNames}`),
    // RFC 7694: what a request may be encoded with.
    headers: { 'accept-encoding': encodingNames },
  };
}
