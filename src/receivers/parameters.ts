import type { FastifyRequest } from 'fastify';
import { invalid, type Failure } from './failure.js';

const mostBytes = 4096;

/** What a request may say of its documents, as a query parameter or as a header (VictoriaLogs has both). */
const names: ReadonlyMap<string, string> = new Map([
  ['_msg_field', 'vl-msg-field'],
  ['_time_field', 'vl-time-field'],
  ['_level_field', 'vl-level-field'],
  ['_stream_fields', 'vl-stream-fields'],
  ['ignore_fields', 'vl-ignore-fields'],
  ['extra_fields', 'vl-extra-fields'],
]);

/** Those that are given, and `more`, as a query string; a failure when they are too long. */
export function documentParameters(
  request: FastifyRequest,
  more: Readonly<Record<string, string>> = {},
): string | Failure {
  const query = queryOf(request);
  const out = new URLSearchParams(more);
  for (const [name, header] of names) {
    const given = query.get(name) ?? request.headers[header];
    if (typeof given === 'string' && given !== '') out.set(name, given);
  }
  const text = out.toString();
  if (text.length <= mostBytes) return text;
  return invalid(
    'malformed',
    `query parameters and headers that name fields take more than ${mostBytes} bytes`,
  );
}

/** Those of the names that the query has. */
export function parametersOf(request: FastifyRequest, wanted: readonly string[]): Record<string, string> {
  const query = queryOf(request);
  return Object.fromEntries(
    wanted.flatMap((name) => {
      const value = query.get(name);
      return value === null || value === '' ? [] : [[name, value]];
    }),
  );
}

/** The parameters of a request's address. */
export function queryOf(request: FastifyRequest): URLSearchParams {
  return new URLSearchParams(request.raw.url?.split('?')[1] ?? '');
}
