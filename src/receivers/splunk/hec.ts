import type { FastifyRequest } from 'fastify';
import type { KeptRecords } from '../../schema/index.js';
import { encodingOf, type Answer, type HttpProtocol, type Route } from '../http.js';
import { documentParameters, parametersOf } from '../parameters.js';
import { jsonAnswer } from '../text.js';
import { acknowledgement, answerAcknowledgements, channelOf } from './acknowledgements.js';

const base = '/services/collector';
const events = [base, `${base}/event`, `${base}/event/1.0`];
const raw = [`${base}/raw`, `${base}/raw/1.0`];
/** What Docker's driver asks before it sends. */
const asked = ['OPTIONS'] as const;
const route = (url: string): Route => ({ url, signal: 'logs', elsewhere: asked });

/** Splunk's HTTP Event Collector; the codes are those of its documentation. */
export const splunkCollector: HttpProtocol = {
  transport: 'splunk',
  routes: [...events, ...raw].map(route),
  accept(request) {
    const encoding = encodingOf(request);
    if (typeof encoding !== 'string') return encoding;
    const isRaw = raw.includes(request.routeOptions.url ?? '');
    const own = isRaw ? parametersOf(request, ['time', 'host', 'source', 'sourcetype', 'index']) : {};
    const parameters = documentParameters(request, own);
    if (typeof parameters !== 'string') return parameters;
    return { signal: 'logs', format: isRaw ? 'splunk_raw' : 'splunk_hec', encoding, parameters };
  },
  answer: (kept, _accepted, request) => answerTo(kept, request),
  failed({ http, message }) {
    const wrong = message.includes('has no event') ? 5 : 6;
    const code = http === 401 ? 3 : http === 429 || http >= 500 ? 9 : wrong;
    // Its clients send again after 503, and not all do after 429.
    return jsonAnswer(http === 429 ? 503 : http, { text: message, code });
  },
  also(scope, refusal) {
    for (const url of [`${base}/health`, `${base}/health/1.0`]) {
      scope.get(url, (_request, reply) => {
        const why = refusal();
        if (why === null) return reply.send({ text: 'HEC is healthy', code: 17 });
        const text = `HEC is unhealthy, queues are full: ${why.message}`;
        return reply.code(503).send({ text, code: 18 });
      });
    }
    for (const url of [...events, ...raw]) scope.options(url, (_request, reply) => reply.send());
    answerAcknowledgements(scope);
  },
};

/** What of a request is rejected is 400, and the rest durable all the same: nothing of it is worth sending again. */
function answerTo({ rows, rejected, reason }: KeptRecords, request: FastifyRequest): Answer {
  if (rejected > 0) {
    const code = reason.includes('field is required') ? 12 : reason.includes('cannot be blank') ? 13 : 6;
    return jsonAnswer(400, { text: reason, code });
  }
  if (rows === 0) return jsonAnswer(400, { text: 'No data', code: 5 });
  const ackId = channelOf(request) === undefined ? {} : { ackId: acknowledgement() };
  return jsonAnswer(200, { text: 'Success', code: 0, ...ackId });
}
