import { readOnlySql } from '../lake/index.js';
import { QueryError } from '../lake/query-error.js';
import { endpointsByLanguage } from '../query/languages.js';
import { runJob, type QueryApiDeps } from '../query/server/http.js';
import { wholeBody } from '../query/server/reply.js';
import { maxAnswerBytes, pathParams, urlOf, type TelemetrySource } from './source.js';

/** Asks the query APIs of this process, under the guard like every query. `admin`: SQL is allowed as well. */
export function inProcess(deps: QueryApiDeps, admin: boolean): TelemetrySource {
  const endpoints = endpointsByLanguage();
  return {
    async ask(ask, params, signal, name) {
      const endpoint = new Map(Object.entries(endpoints[ask.language])).get(ask.endpoint);
      if (!endpoint) throw new Error(`no endpoint ${ask.endpoint}`);
      const request = {
        url: urlOf(ask, params, name),
        params: pathParams(ask, name),
        ...{ accept: 'application/json', encodingFlags: '', body: '' },
      };
      const job = { language: ask.language, endpoint: ask.endpoint, request };
      const { body } = await runJob(deps, 'mcp', endpoint, job, signal);
      return JSON.parse((await wholeBody(body, maxAnswerBytes)).toString()) as unknown;
    },
    async sql(text, maxRows, signal) {
      if (!admin) {
        throw new QueryError(
          'bad_data',
          'SQL needs the admin key (CANARDSTACK_ADMIN_API_KEY) in place of the one of queries',
        );
      }
      return deps.guard.run('mcp', signal, ({ session }) => readOnlySql(session, text, { maxRows }));
    },
  };
}
