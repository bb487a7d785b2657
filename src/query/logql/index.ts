import type { FastifyPluginAsync } from 'fastify';
import { buildInfo } from '../server/buildinfo.js';
import type { Endpoint } from '../server/endpoint.js';
import type { QueryApiDeps } from '../server/http.js';
import { errorForms } from '../server/errors.js';
import { otherMethods } from '../server/methods.js';
import { mountQueryApi, type Route } from '../server/mount.js';
import {
  configText,
  drilldownLimits,
  missingRules,
  noRuleGroups,
  rulerAnswers,
  servicesText,
} from './api/status.js';
import { tailStep } from './api/tail.js';
import { logqlEndpoints } from './endpoints.js';
import { mountTail, type TailDeps } from './tail/index.js';

/** The Loki release whose API this is. */
const version = '3.7.0';
/** As many as Loki allows. */
const defaultTails = 10;
const root = '/loki/api/v1/';
const methods: Route['methods'] = ['GET', 'POST'];

/**
 * Loki's HTTP API (/loki/api/v1) over `lake.logs`. Errors are plain text with the status of their kind, as Loki
 * writes them.
 */
export function lokiApi(deps: Partial<TailDeps> & QueryApiDeps): FastifyPluginAsync {
  return async (app) => {
    const { refuse } = otherMethods(app);
    const { [tailStep]: tail, ...endpoints } = logqlEndpoints();
    const routes = Object.keys(endpoints).map((path) => ({
      url: path.startsWith('/') ? path : root + path,
      methods,
      endpoint: path,
      counted: 'loki',
    }));
    mountQueryApi(app, deps, {
      language: 'logql',
      endpoints,
      routes,
      errorAnswer: (error) => ({ status: errorForms[error.kind].loki.status, body: error.message }),
    });
    mountTail(app, root, { ...deps, maxTails: deps.maxTails ?? defaultTails }, tail as Endpoint);
    app.get(`${root}status/buildinfo`, () => buildInfo(version));
    app.get(`${root}drilldown-limits`, () => drilldownLimits(deps.guard.limits, version));
    for (const rules of [`${root}rules`, '/api/prom/rules']) {
      app.get(rules, (_request, reply) => reply.type('application/yaml').send(noRuleGroups));
      for (const [path, text] of missingRules) {
        app.get(rules + path, (_request, reply) =>
          reply.code(404).type('text/plain; charset=utf-8').send(text),
        );
      }
    }
    app.get('/config', (_request, reply) =>
      reply.type('text/yaml; charset=utf-8').send(configText(deps.guard.limits)),
    );
    app.get('/services', (_request, reply) => reply.type('text/plain; charset=utf-8').send(servicesText));
    for (const [path, answer] of rulerAnswers) app.get(path, () => answer);
    refuse();
  };
}
