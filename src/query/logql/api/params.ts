import { QueryError } from '../../../lake/query-error.js';
import type { QueryRequest } from '../../server/endpoint.js';
import { parseDuration, parseNumber } from '../syntax/units.js';

const second = 1_000_000_000n;

/** The parameters of a request: the query string, and a form in the body. Errors name the parameter. */
export class Params {
  readonly #values: URLSearchParams;

  constructor(request: Pick<QueryRequest, 'url' | 'body'>) {
    this.#values = new URLSearchParams(request.url.split('?')[1] ?? '');
    new URLSearchParams(request.body).forEach((value, name) => this.#values.append(name, value));
  }

  text(name: string): string | undefined {
    const value = this.#values.get(name);
    return value === null || value === '' ? undefined : value;
  }

  all(...names: string[]): string[] {
    return names.flatMap((name) => this.#values.getAll(name));
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new QueryError('bad_data', `parameter "${name}" is missing`);
    return value;
  }

  integer(name: string, fallback: number, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.text(name);
    if (value === undefined) return Math.min(fallback, max);
    if (!/^\d+$/.test(value)) {
      throw new QueryError(
        'bad_data',
        `parameter "${name}" must be a whole number of 0 or more: ${show(value)}`,
      );
    }
    return Math.min(Number(value), max);
  }

  /** Nanoseconds since the epoch of an integer (nanoseconds, or seconds of up to 10 digits), a decimal (seconds) or RFC 3339. */
  time(name: string, fallback: bigint): bigint {
    const value = this.text(name);
    return value === undefined ? fallback : parseTime(name, value);
  }

  /** Nanoseconds of a duration or a number of seconds. */
  duration(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const seconds = parseNumber(value);
    const nanoseconds = seconds === undefined ? parseDuration(value) : Math.round(seconds * 1e9);
    if (nanoseconds === undefined || !Number.isFinite(nanoseconds)) {
      throw new QueryError(
        'bad_data',
        `parameter "${name}" is neither a duration nor seconds: ${show(value)}`,
      );
    }
    return nanoseconds;
  }

  /** `start` and `end`; `since` counts from the end. */
  range(defaultSince: bigint, maxRangeMs: number): { start: bigint; end: bigint } {
    const end = this.time('end', BigInt(Date.now()) * 1_000_000n);
    const since = this.duration('since');
    const start = this.time('start', end - (since === undefined ? defaultSince : BigInt(since)));
    checkRange(start, end, maxRangeMs);
    return { start, end };
  }

  /** Nanoseconds between steps; by default about 250 steps, and not below a second. */
  step(start: bigint, end: bigint): number {
    const step = this.duration('step');
    if (step === undefined) return Math.max(1, Math.floor(Number((end - start) / second) / 250)) * 1e9;
    if (step <= 0) throw new QueryError('bad_data', 'parameter "step" must be longer than zero');
    return step;
  }
}

function show(value: string): string {
  return JSON.stringify(value.slice(0, 100));
}

function checkRange(start: bigint, end: bigint, maxRangeMs: number): void {
  if (end < start) throw new QueryError('bad_data', 'parameter "end" must not be before "start"');
  if (end - start > BigInt(maxRangeMs) * 1_000_000n) {
    throw new QueryError('limit', `the time range is longer than ${maxRangeMs / 3_600_000} h`);
  }
}

function parseTime(name: string, value: string): bigint {
  if (/^-?\d+$/.test(value)) {
    if (value.length <= 10) return BigInt(value) * second;
    return bounded(name, BigInt(value));
  }
  const decimal = /^(\d{1,12})\.(\d+)$/.exec(value);
  if (decimal) {
    const fraction = (decimal[2] ?? '').padEnd(9, '0').slice(0, 9);
    return bounded(name, BigInt(decimal[1] ?? 0) * second + BigInt(fraction));
  }
  const seconds = parseNumber(value);
  if (seconds !== undefined && Number.isFinite(seconds))
    return bounded(name, BigInt(Math.round(seconds)) * second);
  const rfc = /^(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/.exec(value);
  const millis = rfc ? Date.parse(`${rfc[1] ?? ''}${rfc[3] ?? ''}`) : NaN;
  if (Number.isNaN(millis)) {
    throw new QueryError(
      'bad_data',
      `parameter "${name}" is no time (nanoseconds, seconds or RFC 3339): ${show(value)}`,
    );
  }
  return BigInt(millis) * 1_000_000n + BigInt((rfc?.[2] ?? '').padEnd(9, '0') || '0');
}

/** Within the nanoseconds that a 64-bit integer holds, with room for ranges and offsets. */
function bounded(name: string, time: bigint): bigint {
  if (time < -(2n ** 62n) || time > 2n ** 62n + 2n ** 61n) {
    throw new QueryError('bad_data', `parameter "${name}" is out of range`);
  }
  return time;
}
