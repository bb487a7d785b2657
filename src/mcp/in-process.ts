import { readOnlySql } from '../lake/index.js';
import { QueryError } from '../lake/query-error.js';
import { endpointsByLanguage } from '../query/languages.js';
import type { QueryAnswer } from '../query/server/endpoint.js';
import { runJob, type QueryApiDeps } from '../query/server/http.js';
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
      return JSON.parse(await textOf(await runJob(deps, 'mcp', endpoint, job, signal))) as unknown;
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

async function textOf({ body }: QueryAnswer): Promise<string> {
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return Buffer.from(body).toString('utf8');
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body) {
    const buffer = Buffer.from(piece as string);
    bytes += buffer.length;
    if (bytes > maxAnswerBytes) {
      throw new QueryError(
        'limit',
        `the answer is larger than ${maxAnswerBytes} bytes; narrow the query or its range`,
      );
    }
    pieces.push(buffer);
  }
  return Buffer.concat(pieces).toString('utf8');
}
