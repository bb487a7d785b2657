import { encodingOf, type HttpProtocol } from '../http.js';
import { documentParameters } from '../parameters.js';
import { jsonAnswer } from '../text.js';

/** Datadog's POST /api/v2/logs, which its agents send to (`logs_dd_url`). */
export const datadogLogs: HttpProtocol = {
  transport: 'datadog',
  routes: ['/api/v2/logs', '/v1/input', '/insert/datadog/api/v2/logs'].map((url) => ({
    url,
    signal: 'logs',
  })),
  accept(request) {
    const encoding = encodingOf(request);
    if (typeof encoding !== 'string') return encoding;
    const parameters = documentParameters(request);
    if (typeof parameters !== 'string') return parameters;
    return { signal: 'logs', format: 'datadog_json', encoding, parameters };
  },
  answer: ({ rows, rejected, reason }) =>
    rejected > 0 && rows === 0 ? jsonAnswer(400, { errors: [{ detail: reason }] }) : jsonAnswer(202, {}),
  failed: ({ http, message }) => jsonAnswer(http, { errors: [{ status: String(http), detail: message }] }),
  also(scope) {
    // Agents ask whether their key is good.
    scope.get('/api/v1/validate', () => ({ valid: true }));
  },
};
