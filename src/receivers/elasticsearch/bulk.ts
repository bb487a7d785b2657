import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { KeptRecords } from '../../schema/index.js';
import { encodingOf, type Accepted, type Answer, type HttpProtocol, type Route } from '../http.js';
import { documentParameters, queryOf } from '../parameters.js';
import { jsonAnswer } from '../text.js';
import { answerQuestions, productHeaders } from './questions.js';

/** At the root its paths are the query API's and the web pages', so only the bulk request is there. */
const prefixes = ['/elasticsearch', '/insert/elasticsearch'];
const methods = ['POST', 'PUT'] as const;

const bulk = (url: string): Route => ({ url, methods, signal: 'logs' });
/** Fluent Bit has a slash behind it when it names a pipeline. */
const routes: readonly Route[] = [
  '/_bulk',
  ...prefixes.flatMap((prefix) => [
    `${prefix}/_bulk`,
    `${prefix}/:index/_bulk`,
    // Of versions before 7, whose indices have types.
    `${prefix}/:index/:type/_bulk`,
    `${prefix}/:index/_doc/_bulk`,
    `${prefix}/:index/_doc`,
    `${prefix}/:index/_doc/:id`,
    `${prefix}/:index/_create/:id`,
  ]),
].flatMap((url) => [bulk(url), bulk(`${url}/`)]);

const actions: ReadonlyMap<string, string> = new Map([
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
    const one = !/_bulk\/?$/.test(request.routeOptions.url ?? '');
    const format = one ? 'elasticsearch_document' : 'elasticsearch_bulk';
    return { signal: 'logs', format, encoding, parameters };
  },
  answer(kept, accepted, request) {
    return withProduct(
      accepted.format === 'elasticsearch_bulk'
        ? bulkAnswer(kept, accepted, request)
        : documentAnswer(kept, request),
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
function bulkAnswer(
  { notes, rejected, reason }: KeptRecords,
  { parameters = '' }: Accepted,
  request: FastifyRequest,
): Answer {
  const wanted = filterPaths(request);
  const index = new URLSearchParams(parameters).get('index') ?? '';
  const error = { type: 'document_parsing_exception', reason };
  const named = namesOf(notes?.['names']);
  const made = `${randomUUID()}-`;
  const items = [...String(notes?.['items'] ?? '')].map((letter, i) => {
    const { _index = index, _id = made + String(i) } = named.next().value ?? {};
    const item =
      letter === letter.toLowerCase()
        ? { _index, _id, ...created, status: 201 }
        : { _index, _id, status: 400, error };
    return { [actions.get(letter.toLowerCase()) ?? 'index']: only(item, wanted, ['items', '*']) };
  });
  return jsonAnswer(200, only({ took: 0, errors: rejected > 0, items }, wanted, []));
}

const mostPaths = 20;

/** `filter_path`, by which Beats, Logstash and others ask for less of the answer; null when all of it is wanted. */
function filterPaths(request: FastifyRequest): string[][] | null {
  const text = queryOf(request).get('filter_path');
  // Paths that begin with a minus leave something out, and nobody needs them here.
  if (text === null || text === '' || text.includes('-')) return null;
  return text.split(',', mostPaths).map((path) => path.trim().split('.', mostPaths));
}

/** The members of `object`, which lies at `above`, that a path begins with, ends at or goes through. */
function only(object: object, paths: readonly string[][] | null, above: readonly string[]): object {
  if (paths === null) return object;
  const matches = (part: string | undefined, name: string) =>
    part === undefined || part === '*' || part === '**' || part === name;
  const here = paths.filter((path) => above.every((name, i) => matches(path[i], name)));
  return Object.fromEntries(
    Object.entries(object).filter(([name]) => here.some((path) => matches(path[above.length], name))),
  );
}

const created = { _version: 1, result: 'created', _shards: { total: 1, successful: 1, failed: 0 } };

/** What each action named, from the runs that the format notes. */
function* namesOf(noted: unknown): Generator<{ _index?: string; _id?: string }, undefined> {
  const runs = JSON.parse(typeof noted === 'string' ? noted : '[]') as [
    number,
    string | null,
    string | null,
  ][];
  for (const [times, index, id] of runs) {
    const names = { ...(index !== null && { _index: index }), ...(id !== null && { _id: id }) };
    for (let i = 0; i < times; i++) yield names;
  }
  return undefined;
}

function documentAnswer({ rejected, reason }: KeptRecords, request: FastifyRequest): Answer {
  const { index = '', id = randomUUID() } = request.params as { index?: string; id?: string };
  if (rejected === 0) return jsonAnswer(201, { _index: index, _id: id, ...created });
  const cause = { type: 'document_parsing_exception', reason };
  return jsonAnswer(400, { error: { root_cause: [cause], ...cause }, status: 400 });
}

function withProduct(answer: Answer): Answer {
  return { ...answer, headers: { ...answer.headers, ...productHeaders } };
}
