import { encodingOf, mediaType, unsupportedType, type HttpProtocol } from '../http.js';
import { textAnswer } from '../text.js';

const urls = ['/loki/api/v1/push', '/insert/loki/api/v1/push', '/api/prom/push'];
const types = ['application/json', 'application/x-protobuf'];

/** Loki's push (grafana.com/docs/loki, "Ingest logs"): JSON, or protobuf compressed by snappy. */
export const lokiPush: HttpProtocol = {
  transport: 'loki',
  routes: urls.map((url) => ({ url, signal: 'logs' })),
  accept(request) {
    const type = mediaType(request);
    if (!types.includes(type)) return unsupportedType(request, types);
    const encoding = encodingOf(request);
    if (typeof encoding !== 'string') return encoding;
    if (type === 'application/json') return { signal: 'logs', format: 'loki_json', encoding };
    // Its protobuf is always compressed by snappy, whether or not the header says so.
    return {
      signal: 'logs',
      format: 'loki_protobuf',
      encoding: encoding === 'identity' ? 'snappy' : encoding,
    };
  },
  answer: ({ rejected, reason }) => (rejected > 0 ? textAnswer(400, reason) : { status: 204 }),
  failed: (failure) => textAnswer(failure.http, failure.message),
};
