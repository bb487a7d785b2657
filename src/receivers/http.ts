import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { PayloadError } from '../decode/index.js';
import { HttpError } from '../http/index.js';
import type { ContentEncoding, KeptRecords, PayloadFormat, Signal } from '../schema/index.js';
import { BodyBudget, contentLength, readBody } from './body.js';
import { answerEarly } from './early.js';
import { Exporter, type ExportOutcome, type ReceiverOptions } from './export.js';
import { grpcCodeOf, internalFailure, invalid, refused, tooLarge, type Failure } from './failure.js';
import type { Transport } from './metrics.js';
import { readPieces } from './pieces.js';

export interface HttpReceiverOptions extends ReceiverOptions {
  /** For the whole body, from its headers on. */
  readonly bodyTimeoutMs?: number;
  /** Memory that bodies being read may take together; beyond it 429 queue_full. */
  readonly maxHeldBytes?: number;
  /** How long a connection is kept open after an answer that came before the body's end. */
  readonly lingerMs?: number;
}

/** What a request says of its body before that is read. */
export interface Accepted {
  readonly signal: Signal;
  readonly format: PayloadFormat;
  readonly encoding: ContentEncoding;
  /** Kept with the payload, for the format; see `Payload`. */
  readonly parameters?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

export interface Route {
  readonly url: string;
  /** By default POST alone. */
  readonly methods?: readonly HTTPMethods[];
  /** Methods that `also` answers. */
  readonly elsewhere?: readonly HTTPMethods[];
  /** For metrics, when a request is refused before it is clear what it holds. */
  readonly signal: Signal;
}

/** One protocol over HTTP: where it listens, what its headers mean and what its answers look like. The rest is shared. */
export interface HttpProtocol {
  /** The label of its metrics. */
  readonly transport: Transport;
  readonly routes: readonly Route[];
  accept(request: FastifyRequest): Accepted | Failure;
  /** Durable, or owed nothing: what clients of the protocol are told. */
  answer(kept: KeptRecords, accepted: Accepted, request: FastifyRequest): Answer;
  /** Status, `retry-after` and `x-canardstack-reason` follow from the failure; an answer's own come first. */
  failed(failure: Failure, request: FastifyRequest): Answer;
  /** What its clients ask besides sending. */
  also?(scope: Parameters<FastifyPluginAsync>[0], refusal: () => Failure | null): void;
  /**
   * Set where a request may be longer than all limits: where the last record that is whole ends in these bytes, 0 when none does. Its body
   * is then taken piece by piece, each durable before the next is read. May throw PayloadError.
   */
  endOfRecords?(bytes: Buffer): number;
}

type Outcome = ExportOutcome | 'aborted';

const otherMethods: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** A plugin that receives by one protocol. */
export function receiveBy(protocol: HttpProtocol, options: HttpReceiverOptions): FastifyPluginAsync {
  return async (app) => {
    const receiver = new HttpReceiver(protocol, options);
    // Bodies are read by the handler, after the checks that need only headers.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _body, done) => done(null));
    app.setErrorHandler((error, request, reply) => receiver.failed(error, request, reply));
    protocol.also?.(app, () => receiver.refusal());
    for (const { url, signal, methods = ['POST'], elsewhere = [] } of protocol.routes) {
      app.route({
        method: [...methods],
        url,
        exposeHeadRoute: false,
        handler: (request, reply) => receiver.receive(signal, request, reply),
      });
      app.route({
        method: otherMethods.filter((method) => !methods.includes(method) && !elsewhere.includes(method)),
        url,
        exposeHeadRoute: false,
        handler: (request) => {
          const allow = methods.join(', ');
          throw new HttpError(405, 'method_not_allowed', `${url} takes ${allow}, not ${request.method}`, {
            allow,
          });
        },
      });
    }
  };
}

/** Of all protocols over HTTP together. */
const budgets = new WeakMap<object, BodyBudget>();

class HttpReceiver {
  readonly #exporter: Exporter;
  readonly #budget: BodyBudget;
  readonly #maxBodyBytes: number;
  readonly #bodyTimeoutMs: number;
  readonly #lingerMs: number;
  readonly #signals: ReadonlyMap<string, Signal>;

  constructor(
    private readonly protocol: HttpProtocol,
    private readonly options: HttpReceiverOptions,
  ) {
    this.#exporter = new Exporter(options, protocol.transport);
    const { intake } = options;
    this.#budget = budgets.get(intake) ?? new BodyBudget(options.maxHeldBytes ?? 256 * 1024 * 1024);
    budgets.set(intake, this.#budget);
    this.#exporter.metrics.bodies.set('http', this.#budget);
    this.#maxBodyBytes = options.config.maxBodyBytes;
    this.#bodyTimeoutMs = options.bodyTimeoutMs ?? 30_000;
    this.#lingerMs = options.lingerMs ?? 2000;
    this.#signals = new Map(protocol.routes.map(({ url, signal }) => [url, signal]));
  }

  /** What would be refused now. */
  refusal(): Failure | null {
    return this.#exporter.refusal();
  }

  async receive(signal: Signal, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { inFlight } = this.#exporter.metrics;
    const { transport } = this.protocol;
    inFlight.inc({ transport });
    try {
      return await this.#receive(signal, request, reply);
    } finally {
      inFlight.dec({ transport });
    }
  }

  async #receive(routed: Signal, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const accepted = this.protocol.accept(request);
    if ('http' in accepted) return this.#fail(routed, request, reply, accepted);
    const { signal } = accepted;
    const refusal = this.#exporter.refusal();
    if (refusal) return this.#fail(signal, request, reply, refusal);
    // What is compressed can't be cut as it comes.
    if (this.protocol.endOfRecords && accepted.encoding === 'identity') {
      return this.#answer(await this.#pieces(accepted, request), accepted, request, reply);
    }

    const read = await readBody(
      request.raw,
      this.#maxBodyBytes,
      this.#bodyTimeoutMs,
      this.#budget,
      this.options.intake.buffers,
    );
    const outcome: Outcome =
      read.kind === 'complete'
        ? await this.#exporter.export(accepted, read.body)
        : read.kind === 'aborted'
          ? 'aborted'
          : { ok: false, failure: this.#unread(read.kind) };
    return this.#answer(outcome, accepted, request, reply);
  }

  #answer(outcome: Outcome, accepted: Accepted, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const { signal } = accepted;
    if (outcome === 'aborted') {
      this.#exporter.answered(signal, '499');
      return reply.hijack();
    }
    if (!outcome.ok) return this.#fail(signal, request, reply, outcome.failure);
    const answer = this.protocol.answer(outcome.kept, accepted, request);
    this.#exporter.answered(signal, String(answer.status));
    return reply
      .code(answer.status)
      .headers(answer.headers ?? {})
      .send(answer.body);
  }

  /** Takes a body piece by piece; its sender waits where one must. */
  async #pieces(accepted: Accepted, request: FastifyRequest): Promise<Outcome> {
    const limits = { maxBytes: this.#maxBodyBytes, timeoutMs: this.#bodyTimeoutMs, budget: this.#budget };
    const endOf = (bytes: Buffer) => this.protocol.endOfRecords?.(bytes) ?? 0;
    const kept = { rows: 0, rejected: 0, reason: '' };
    try {
      for await (const piece of readPieces(request.raw, endOf, limits)) {
        if (piece.kind === 'aborted') return piece.kind;
        if (piece.kind !== 'piece') return { ok: false, failure: this.#unread(piece.kind) };
        const outcome = await this.#patiently(accepted, piece.bytes);
        if (!outcome.ok) return outcome;
        kept.rows += outcome.kept.rows;
        kept.rejected += outcome.kept.rejected;
        kept.reason ||= outcome.kept.reason;
      }
    } catch (error) {
      if (error instanceof PayloadError) return { ok: false, failure: invalid(error.code, error.message) };
      throw error;
    }
    return { ok: true, kept };
  }

  /** What is refused for now is tried again while the sender waits, who has no way to send a part of its request again. */
  async #patiently(accepted: Accepted, bytes: Buffer): Promise<ExportOutcome> {
    const until = performance.now() + this.#bodyTimeoutMs;
    for (;;) {
      const body = this.#exporter.room(bytes.length);
      body.set(bytes);
      const outcome = await this.#exporter.export(accepted, body);
      if (outcome.ok) return outcome;
      const { retryAfterSeconds } = outcome.failure;
      if (retryAfterSeconds === undefined || performance.now() > until) return outcome;
      await sleep(Math.min(1, retryAfterSeconds) * 1000);
    }
  }

  /** Answers what was thrown outside `receive`: by the key check, the method check or Fastify itself. */
  failed(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const failure = this.#failureFrom(error, request);
    this.#fail(this.#signals.get(request.routeOptions.url ?? ''), request, reply, failure);
  }

  #failureFrom(error: unknown, request: FastifyRequest): Failure {
    const { statusCode, message } = error as { statusCode?: unknown; message?: unknown };
    if (error instanceof HttpError) {
      const { statusCode: http, headers } = error;
      return { http, grpc: grpcCodeOf(http), message: error.message, headers };
    }
    // Fastify's parser of media types refuses before the handler runs.
    if (statusCode === 415) return unsupportedType(request, []);
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
    const answer = this.protocol.failed(failure, request);
    const { status, body = Buffer.alloc(0) } = answer;
    if (signal) this.#exporter.answered(signal, String(status), failure);
    const headers: Record<string, string> = { ...failure.headers, ...answer.headers };
    if (failure.reason) headers['x-canardstack-reason'] = failure.reason;
    if (failure.retryAfterSeconds !== undefined) {
      headers['retry-after'] = String(Math.max(1, Math.ceil(failure.retryAfterSeconds)));
    }
    // What is left of an ordinary body Node reads and drops by itself, and the connection lives on.
    const length = contentLength(request.raw);
    const ordinary = length !== undefined && length <= this.#maxBodyBytes && failure.http !== 408;
    if (request.raw.complete || ordinary) return reply.code(status).headers(headers).send(body);
    answerEarly(reply, status, headers, body, {
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

/** The media type of a request, in lower case and without parameters. */
export function mediaType(request: FastifyRequest): string {
  const header = request.headers['content-type'] ?? '';
  const end = header.indexOf(';');
  return (end < 0 ? header : header.slice(0, end)).trim().toLowerCase();
}

export function encodingOf(request: FastifyRequest): ContentEncoding | Failure {
  const header = (request.headers['content-encoding'] ?? '').trim().toLowerCase();
  const encoding = encodings.get(header);
  if (encoding !== undefined) return encoding;
  const given = header.slice(0, 100);
  return {
    ...invalid('unsupported_encoding', `content-encoding is ${given}; it must be one of ${encodingNames}`),
    // RFC 7694: what a request may be encoded with.
    headers: { 'accept-encoding': encodingNames },
  };
}

/** 415; `types` are those that are taken. */
export function unsupportedType(request: FastifyRequest, types: readonly string[]): Failure {
  const given = mediaType(request).slice(0, 100) || 'missing';
  return {
    http: 415,
    grpc: grpcCodeOf(415),
    message: `content-type is ${given}; it must be ${types.join(' or ') || 'one of the protocol'}`,
    ...(types.length > 0 && { headers: { accept: types.join(', ') } }),
  };
}
