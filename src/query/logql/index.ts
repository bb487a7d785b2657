import type { FastifyPluginAsync } from 'fastify';
import { QueryError } from '../../lake/query-error.js';
import { buildInfo } from '../server/buildinfo.js';
import { errorForms } from '../server/errors.js';
import type { QueryApiDeps } from '../server/http.js';
import { mountQueryApi, type Route } from '../server/mount.js';
import { drilldownLimits, noRuleGroups, rulerAnswers } from './api/status.js';
import { logqlEndpoints } from './endpoints.js';

/** The Loki release whose API this is. */
const version = '3.0.0';
const root = '/loki/api/v1/';
const methods: Route['methods'] = ['GET', 'POST'];

/**
 * Loki's HTTP API (/loki/api/v1) over `lake.logs`. Errors are plain text with the status of their kind, as Loki
 * writes them.
 */
export function lokiApi(deps: QueryApiDeps): FastifyPluginAsync {
  return async (app) => {
    const endpoints = logqlEndpoints();
    mountQueryApi(app, deps, {
      language: 'logql',
      endpoints,
      routes: Object.keys(endpoints).map((path) => ({
        url: root + path,
        methods,
        endpoint: path,
        counted: 'loki',
      })),
      errorAnswer: (error, request) => {
        // A status of its own: clients take 501 for a server that has no tailing, and poll.
        const tail = request.url.startsWith(`${root}tail`) && error.kind === 'unsupported';
        return { status: tail ? 501 : errorForms[error.kind].loki.status, body: error.message };
      },
    });
    app.route({
      method: [...methods],
      url: `${root}tail`,
      handler: () => {
        throw new QueryError('unsupported', 'live tailing is not supported; poll query_range instead');
      },
    });
    app.get(`${root}status/buildinfo`, () => buildInfo(version));
    app.get(`${root}drilldown-limits`, () => drilldownLimits(deps.guard.limits, version));
    app.get(`${root}rules`, (_request, reply) => reply.type('application/yaml').send(noRuleGroups));
    for (const [path, answer] of rulerAnswers) app.get(path, () => answer);
  };
}
