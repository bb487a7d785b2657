import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { KeptRecords } from '../../schema/index.js';
import { encodingOf, type Accepted, type Answer, type HttpProtocol, type Route } from '../http.js';
import { documentParameters } from '../parameters.js';
import { jsonAnswer } from '../text.js';
import { answerQuestions, productHeaders } from './questions.js';

/** At the root its paths are the query API's and the web pages', so only the bulk request is there. */
const prefixes = ['/elasticsearch', '/insert/elasticsearch'];
const methods = ['POST', 'PUT'] as const;

const bulk = (url: string): Route => ({ url, methods, signal: 'logs' });
const routes: readonly Route[] = [
  bulk('/_bulk'),
  ...prefixes.flatMap((prefix) => [
    bulk(`${prefix}/_bulk`),
    bulk(`${prefix}/:index/_bulk`),
    bulk(`${prefix}/:index/_doc`),
    bulk(`${prefix}/:index/_doc/:id`),
    bulk(`${prefix}/:index/_create/:id`),
  ]),
];

const names: ReadonlyMap<string, string> = new Map([
  ['i', 'index'],
  ['c', 'create'],
  ['d', 'delete'],
  ['u', 'update'],
]);

/** Elasticsearch's bulk and document requests, and what its clients ask before they send. */
export const elasticsearch: HttpProtocol = {
  transport: 'elasticsearch',
  routes,
  accept(request) {
    const encoding = encodingOf(request);
    if (typeof encoding !== 'string') return encoding;
    const index = indexOf(request);
    const parameters = documentParameters(request, index === undefined ? {} : { index });
    if (typeof parameters !== 'string') return parameters;
    const one = request.routeOptions.url?.endsWith('_bulk') !== true;
    const format = one ? 'elasticsearch_document' : 'elasticsearch_bulk';
    return { signal: 'logs', format, encoding, parameters };
  },
  answer(kept, accepted, request) {
    return withProduct(
      accepted.format === 'elasticsearch_bulk' ? bulkAnswer(kept, accepted) : documentAnswer(kept, request),
    );
  },
  failed({ http, message }) {
    const type = errorTypes.get(http) ?? (http < 500 ? 'illegal_argument_exception' : 'exception');
    const cause = { type, reason: message };
    return withProduct(jsonAnswer(http, { error: { root_cause: [cause], ...cause }, status: http }));
  },
  also: (scope) => answerQuestions(scope, prefixes),
};

const errorTypes: ReadonlyMap<number, string> = new Map([
  [401, 'security_exception'],
  [413, 'circuit_breaking_exception'],
  [429, 'es_rejected_execution_exception'],
]);

function indexOf(request: FastifyRequest): string | undefined {
  const { index } = request.params as { index?: string };
  return index;
}

/** One item an action, in its order. */
function bulkAnswer({ notes, rejected, reason }: KeptRecords, { parameters = '' }: Accepted): Answer {
  const _index = new URLSearchParams(parameters).get('index') ?? '';
  const error = { type: 'document_parsing_exception', reason };
  const good = {
    _index,
    _id: '',
    _version: 1,
    result: 'created',
    _shards: { total: 1, successful: 1, failed: 0 },
    status: 201,
  };
  const items = [...String(notes?.['items'] ?? '')].map((letter) => {
    const action = names.get(letter.toLowerCase()) ?? 'index';
    return { [action]: letter === letter.toLowerCase() ? good : { _index, _id: '', status: 400, error } };
  });
  return jsonAnswer(200, { took: 0, errors: rejected > 0, items });
}

function documentAnswer({ rejected, reason }: KeptRecords, request: FastifyRequest): Answer {
  const { index = '', id = randomUUID() } = request.params as { index?: string; id?: string };
  if (rejected === 0) return jsonAnswer(201, { _index: index, _id: id, _version: 1, result: 'created' });
  const cause = { type: 'document_parsing_exception', reason };
  return jsonAnswer(400, { error: { root_cause: [cause], ...cause }, status: 400 });
}

function withProduct(answer: Answer): Answer {
  return { ...answer, headers: { ...answer.headers, ...productHeaders } };
}
