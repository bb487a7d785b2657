import { encodingOf, mediaType, unsupportedType, type HttpProtocol } from '../http.js';
import { textAnswer } from '../text.js';

/** Zipkin's POST /api/v2/spans (zipkin2-api.yaml), in JSON. */
export const zipkinSpans: HttpProtocol = {
  transport: 'zipkin',
  routes: ['/api/v2/spans', '/zipkin/api/v2/spans'].map((url) => ({ url, signal: 'traces' })),
  accept(request) {
    if (mediaType(request) !== 'application/json') return unsupportedType(request, ['application/json']);
    const encoding = encodingOf(request);
    return typeof encoding === 'string' ? { signal: 'traces', format: 'zipkin_json', encoding } : encoding;
  },
  // 202 says that they are durable; what is rejected could not be sent better.
  answer: ({ rows, rejected, reason }) =>
    rejected > 0 && rows === 0 ? textAnswer(400, reason) : { status: 202 },
  failed: (failure) => textAnswer(failure.http, failure.message),
};
