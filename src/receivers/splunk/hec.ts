import { encodingOf, type HttpProtocol } from '../http.js';
import { documentParameters } from '../parameters.js';
import { jsonAnswer } from '../text.js';

const urls = ['/services/collector', '/services/collector/event', '/services/collector/event/1.0'];

/** Splunk's HTTP Event Collector; the codes are those of its documentation. */
export const splunkCollector: HttpProtocol = {
  transport: 'splunk',
  routes: urls.map((url) => ({ url, signal: 'logs' })),
  accept(request) {
    const encoding = encodingOf(request);
    if (typeof encoding !== 'string') return encoding;
    const parameters = documentParameters(request);
    if (typeof parameters !== 'string') return parameters;
    return { signal: 'logs', format: 'splunk_hec', encoding, parameters };
  },
  answer: ({ rows, rejected, reason }) =>
    rejected > 0 && rows === 0
      ? jsonAnswer(400, { text: reason, code: 6 })
      : jsonAnswer(200, { text: 'Success', code: 0 }),
  failed({ http, message }) {
    const code = http === 401 ? 3 : http === 429 || http >= 500 ? 9 : 6;
    // Its clients send again after 503, and not all do after 429.
    return jsonAnswer(http === 429 ? 503 : http, { text: message, code });
  },
  also(scope) {
    scope.get('/services/collector/health', () => ({ text: 'HEC is healthy', code: 17 }));
  },
};
