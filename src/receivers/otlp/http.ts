import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { PayloadFormat, Signal } from '../../schema/index.js';
import {
  encodingOf,
  mediaType,
  receiveBy,
  unsupportedType,
  type HttpProtocol,
  type HttpReceiverOptions,
} from '../http.js';
import { encodeResponse } from './response.js';
import { encodeStatus } from './status.js';

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

const contentTypes: ReadonlyMap<PayloadFormat, string> = new Map([
  ['protobuf', 'application/x-protobuf'],
  ['json', 'application/json'],
]);

/** Of requests; media types that stand for the same are taken too. */
const formats: ReadonlyMap<string, PayloadFormat> = new Map([
  ['application/x-protobuf', 'protobuf'],
  ['application/protobuf', 'protobuf'],
  ['application/vnd.google.protobuf', 'protobuf'],
  ['application/json', 'json'],
]);

const taken = ['application/x-protobuf', 'application/json'];

function formatOf(request: FastifyRequest): PayloadFormat | null {
  return formats.get(mediaType(request)) ?? null;
}

const protocol: HttpProtocol = {
  transport: 'http',
  routes: [...routes].map(([url, signal]) => ({ url, signal })),
  accept(request) {
    const format = formatOf(request);
    if (format === null) return unsupportedType(request, taken);
    const encoding = encodingOf(request);
    if (typeof encoding !== 'string') return encoding;
    return { signal: routes.get(request.routeOptions.url ?? '') ?? 'logs', format, encoding };
  },
  answer({ rejected, reason }, { signal, format }) {
    return {
      status: 200,
      headers: { 'content-type': contentTypes.get(format) ?? '' },
      body: encodeResponse(signal, format, rejected, reason),
    };
  },
  failed(failure, request) {
    const format = formatOf(request) ?? 'json';
    // Fastify refuses a malformed media type before `accept` sees it.
    const told =
      failure.http === 415 && formatOf(request) === null ? unsupportedType(request, taken) : failure;
    return {
      status: failure.http,
      headers: { ...told.headers, 'content-type': contentTypes.get(format) ?? '' },
      body: encodeStatus(told, format),
    };
  },
};

/** OTLP/HTTP (opentelemetry-proto, "OTLP/HTTP"): POST /v1/logs, /v1/traces, /v1/metrics, and their aliases. */
export function otlpHttp(options: HttpReceiverOptions): FastifyPluginAsync {
  return receiveBy(protocol, options);
}
