import type { QueryError } from '../../lake/query-error.js';

export type ErrorKind = QueryError['kind'];

/** What one kind of error is in each API. */
export interface ErrorForm {
  readonly meaning: string;
  readonly prometheus: { readonly status: number; readonly errorType: string };
  readonly loki: { readonly status: number };
  readonly tempo: { readonly status: number };
}

function form(meaning: string, prometheus: [number, string], loki: number, tempo: number): ErrorForm {
  const [status, errorType] = prometheus;
  return { meaning, prometheus: { status, errorType }, loki: { status: loki }, tempo: { status: tempo } };
}

/** Every kind of error of a query, and the status (and type) with which each API tells it. */
export const errorForms: Readonly<Record<ErrorKind, ErrorForm>> = {
  bad_data: form('the request or the query text is wrong', [400, 'bad_data'], 400, 400),
  execution: form(
    'the query is right, but not for the data that it met: several series match, a parameter is out of bounds',
    [422, 'execution'],
    400,
    400,
  ),
  unsupported: form(
    'a part of the language or API that this server does not have',
    [422, 'execution'],
    422,
    422,
  ),
  limit: form(
    'the query needs more than it may: range, rows, series, samples, memory',
    [422, 'execution'],
    400,
    422,
  ),
  not_found: form('what the path names does not exist', [404, 'not_found'], 404, 404),
  canceled: form('the client went away', [503, 'canceled'], 499, 499),
  timeout: form('the query took longer than it may, waiting included', [503, 'timeout'], 504, 504),
  busy: form(
    'too many queries run and wait; Retry-After says when to come again',
    [429, 'too_many_requests'],
    429,
    429,
  ),
  unavailable: form('storage, the catalog or a query thread does not answer', [503, 'unavailable'], 503, 503),
  data_loss: form(
    'a file of the lake that the query needs is missing or damaged; the message names it',
    [500, 'internal'],
    500,
    500,
  ),
  internal: form('a fault of the server, which its log tells', [500, 'internal'], 500, 500),
};
