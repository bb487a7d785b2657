import type { FastifyRequest } from 'fastify';
import type { PayloadFormat } from '../../schema/index.js';
import { grpcCodeOf, type Failure } from '../failure.js';
import { encodingOf, mediaType, unsupportedType, type HttpProtocol } from '../http.js';

/** Where Prometheus, Mimir and Cortex take it. */
const urls = ['/api/v1/write', '/api/v1/push', '/prometheus/api/v1/write'];
const type = 'application/x-protobuf';
const messages: ReadonlyMap<string, PayloadFormat> = new Map([
  ['', 'remote_write_1'],
  ['prometheus.WriteRequest', 'remote_write_1'],
  ['io.prometheus.write.v2.Request', 'remote_write_2'],
]);

/** What senders must repeat, as they need not repeat after 429, and never do after other 4xx. */
const again: ReadonlySet<number> = new Set([408, 429]);

/**
 * Prometheus Remote-Write 1.0 and 2.0 (prometheus.io/docs/specs). Where something of a request is not kept the answer is 400, and
 * the headers tell what is.
 */
export const remoteWrite: HttpProtocol = {
  transport: 'remote_write',
  routes: urls.map((url) => ({ url, signal: 'metrics' })),
  accept(request) {
    const format = formatOf(request);
    if (typeof format !== 'string') return format;
    const encoding = request.headers['content-encoding'] === undefined ? 'snappy' : encodingOf(request);
    if (typeof encoding !== 'string') return encoding;
    return { signal: 'metrics', format, encoding };
  },
  answer({ rejected, reason, notes }) {
    const headers = {
      'x-prometheus-remote-write-samples-written': String(notes?.['samples'] ?? 0),
      'x-prometheus-remote-write-histograms-written': String(notes?.['histograms'] ?? 0),
      'x-prometheus-remote-write-exemplars-written': String(notes?.['exemplars'] ?? 0),
    };
    return rejected > 0
      ? { status: 400, headers: { ...headers, ...plain }, body: Buffer.from(reason) }
      : { status: 204, headers };
  },
  failed(failure) {
    return {
      status: again.has(failure.http) ? 503 : failure.http,
      headers: { ...plain },
      body: Buffer.from(failure.message),
    };
  },
};

const plain = { 'content-type': 'text/plain; charset=utf-8' };

function formatOf(request: FastifyRequest): PayloadFormat | Failure {
  // As Prometheus does, for senders older than the specification.
  if (request.headers['content-type'] === undefined) return 'remote_write_1';
  if (mediaType(request) !== type) return unsupportedType(request, [type]);
  const [, message = ''] = /;\s*proto\s*=\s*"?([^;"\s]*)/i.exec(request.headers['content-type']) ?? [];
  const format = messages.get(message);
  if (format !== undefined) return format;
  return {
    http: 415,
    grpc: grpcCodeOf(415),
    message: `the message ${message.slice(0, 100)} is not known; it must be prometheus.WriteRequest or io.prometheus.write.v2.Request`,
    headers: {
      accept: [...messages.keys()]
        .filter(Boolean)
        .map((name) => `${type};proto=${name}`)
        .join(', '),
    },
  };
}
