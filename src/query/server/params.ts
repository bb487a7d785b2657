import { QueryError } from '../../lake/query-error.js';
import type { QueryRequest } from './endpoint.js';
import { durationSeconds } from '../promql/syntax/literals.js';

/** Parameters of the URL and of a form-encoded body together, in that order. */
export class Params {
  readonly #values: URLSearchParams;

  constructor({ url, body }: Pick<QueryRequest, 'url' | 'body'>) {
    const at = url.indexOf('?');
    this.#values = new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
    for (const [name, value] of new URLSearchParams(body)) this.#values.append(name, value);
  }

  text(name: string): string | undefined {
    return this.#values.get(name) ?? undefined;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === '') throw invalid(name, 'it is missing');
    return value;
  }

  all(name: string): string[] {
    return this.#values.getAll(name);
  }

  /** Unix milliseconds of a time given as unix seconds or RFC 3339. */
  time(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined || text === '') return undefined;
    const ms = timeMs(text);
    if (ms === undefined) throw invalid(name, `cannot parse ${JSON.stringify(text)} to a valid timestamp`);
    return ms;
  }

  /** Milliseconds of a duration given as seconds or as `1m30s`. */
  duration(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined || text === '') return undefined;
    const seconds = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : durationSeconds(text);
    if (seconds === undefined || !Number.isFinite(seconds) || Math.abs(seconds) > 9e9) {
      throw invalid(name, `cannot parse ${JSON.stringify(text)} to a valid duration`);
    }
    return Math.round(seconds * 1000);
  }

  /** A count; 0 and a missing parameter mean no limit. */
  limit(name = 'limit'): number {
    const text = this.text(name);
    if (text === undefined || text === '') return Infinity;
    if (!/^\d{1,15}$/.test(text)) throw invalid(name, 'it must be a number of at least 0');
    return Number(text) || Infinity;
  }
}

export function invalid(name: string, reason: string): QueryError {
  return new QueryError('bad_data', `invalid parameter ${JSON.stringify(name)}: ${reason}`);
}

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const largestTime = 253_402_300_799;

function timeMs(text: string): number | undefined {
  if (rfc3339.test(text)) {
    const ms = Date.parse(text.replace(' ', 'T'));
    return Number.isNaN(ms) ? undefined : ms;
  }
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return undefined;
  const seconds = Number(text);
  return Math.abs(seconds) <= largestTime ? Math.round(seconds * 1000) : undefined;
}
