import type { QueryAnswer } from './endpoint.js';

const jsonType = 'application/json; charset=utf-8';

export function json(value: unknown): QueryAnswer {
  return { contentType: jsonType, body: JSON.stringify(value) };
}

/** JSON text in pieces, which is made while it is sent. */
export function streamed(body: AsyncIterable<string>): QueryAnswer {
  return { contentType: jsonType, body };
}

export interface Answer {
  readonly data: unknown;
  readonly warnings?: readonly string[];
}

/** The envelope of Prometheus' and Loki's APIs. */
export function success({ data, warnings }: Answer): object {
  return { status: 'success', data, ...(warnings?.length ? { warnings } : {}) };
}

/** The warning of an answer of which `limit` left something out. */
export const truncated = 'results truncated due to limit';
