import { encodingOf, type HttpProtocol } from '../http.js';
import { documentParameters } from '../parameters.js';
import { textAnswer } from '../text.js';

/** JSON lines in VictoriaLogs' shape, of any content type, as its clients send them. */
export const jsonLinesInsert: HttpProtocol = {
  transport: 'json_lines',
  routes: [{ url: '/insert/jsonline', signal: 'logs' }],
  accept(request) {
    const encoding = encodingOf(request);
    if (typeof encoding !== 'string') return encoding;
    const parameters = documentParameters(request);
    if (typeof parameters !== 'string') return parameters;
    return { signal: 'logs', format: 'json_lines', encoding, parameters };
  },
  answer: ({ rejected, reason }) => (rejected > 0 ? textAnswer(400, reason) : { status: 200 }),
  failed: (failure) => textAnswer(failure.http, failure.message),
};
