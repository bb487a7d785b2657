import { QueryError } from '../../../lake/query-error.js';
import type { QueryRequest } from '../../server/endpoint.js';
import { Params, timeOf } from '../../server/params.js';
import {
  formatGoDuration,
  formatPrometheusDuration,
  parseDuration,
  prometheusDuration,
} from '../../text/durations.js';
import { goInteger } from '../../text/go-integers.js';
import { goQuote } from '../../text/go-quote.js';
import { rangeFault } from '../grammar/range.js';
import { parseNumber } from '../grammar/units.js';

const second = 1_000_000_000n;
/** Most steps of a range query, as in Loki and Prometheus. */
const maxSteps = 11_000;
/** Of a duration; more are none. */
const longestText = 200;
/** Of Go's durations, nanoseconds. */
const longest = 2 ** 63;

export interface TimeRange {
  readonly start: bigint;
  readonly end: bigint;
}

export type Direction = 'forward' | 'backward';

/** What Loki reads of every request with a range and a step, whether it needs it or not (pkg/loghttp). */
export interface RangeParams extends TimeRange {
  readonly query: string;
  readonly limit: number;
  readonly direction: Direction;
  /** Nanoseconds. */
  readonly step: number;
  readonly interval: bigint;
}

/**
 * The parameters of Loki's API, refused in Loki's words: numbers are seconds up to 10 digits, nanoseconds beyond. They are
 * looked at in Loki's order, and before the query.
 */
export class LokiParams extends Params {
  constructor(request: Pick<QueryRequest, 'url' | 'body'>) {
    super(request, 'seconds or nanoseconds');
  }

  get query(): string {
    return this.text('query') ?? '';
  }

  override time(name: string, before = ''): bigint | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const whole = goInteger(text, 'ParseInt');
    const time = typeof whole === 'object' && /^[+-]?\d+$/.test(text) ? undefined : timeOf(text, this.times);
    if (time === undefined && typeof whole === 'object') throw refused(before + whole.fault);
    return time;
  }

  /** `start` and `end`; `since` counts from the end, from now where that is ahead. */
  bounds(defaultSince: bigint): TimeRange {
    const now = BigInt(Date.now()) * 1_000_000n;
    const before = (name: string) => `could not parse '${name}' parameter: `;
    const text = this.text('since')?.slice(0, longestText);
    const fault = text === undefined ? undefined : rangeFault(text);
    if (fault !== undefined) throw refused(before('since') + fault);
    const since = text === undefined ? undefined : parseDuration(text, prometheusDuration);
    const end = this.time('end', before('end')) ?? now;
    const start = this.time('start', before('start')) ?? (end > now ? now : end) - (since ?? defaultSince);
    return { start, end };
  }

  /** Such that the end is not before the start. */
  range(defaultSince: bigint): TimeRange {
    const range = this.bounds(defaultSince);
    if (range.end < range.start) throw refused('end timestamp must not be before or equal to start time');
    return range;
  }

  /** `given`: a limit that is read by other rules. */
  rangeQuery(defaultSince: bigint, given?: number): RangeParams {
    const range = this.range(defaultSince);
    const limit = given ?? this.positive('limit', defaultEntries);
    const direction = this.direction();
    const step = this.step(range);
    const interval = this.#seconds('interval') ?? 0;
    if (interval < 0) throw refused('interval must be >= 0');
    return { query: this.query, ...range, limit, direction, step, interval: BigInt(interval) };
  }

  /** Nanoseconds between steps; by default about 250 steps, and not below a second. */
  step({ start, end }: TimeRange): number {
    const step = this.#seconds('step') ?? Math.max(1, Math.floor(Number((end - start) / second) / 250)) * 1e9;
    if (step <= 0) {
      throw refused('zero or negative query resolution step widths are not accepted. Try a positive integer');
    }
    if ((end - start) / BigInt(step) > maxSteps) {
      throw refused(
        'exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter',
      );
    }
    return step;
  }

  direction(): Direction {
    const text = this.text('direction') ?? 'backward';
    const direction = text.toLowerCase();
    if (direction === 'forward' || direction === 'backward') return direction;
    throw refused(`invalid direction '${text.slice(0, 100)}'`);
  }

  /** A whole number. */
  whole(name: string, fallback: number): number {
    const value = goInteger(this.text(name) ?? String(fallback), 'Atoi');
    if (typeof value === 'object') throw refused(value.fault);
    return Number(value);
  }

  /** A limit: Loki calls each of them so. */
  positive(name: string, fallback: number): number {
    const value = this.whole(name, fallback);
    if (value <= 0) throw refused('limit must be a positive value');
    return value;
  }

  /** Nanoseconds of a number of seconds or of a duration. */
  #seconds(name: string): number | undefined {
    const text = this.text(name)?.slice(0, longestText);
    if (text === undefined) return undefined;
    const invalid = `cannot parse ${goQuote(text.slice(0, 100))} to a valid duration`;
    const seconds = parseNumber(text);
    if (seconds === undefined) {
      const duration = rangeFault(text) === undefined ? parseDuration(text, prometheusDuration) : undefined;
      if (duration === undefined) throw refused(invalid);
      return Number(duration);
    }
    if (Math.abs(seconds * 1e9) > longest) throw refused(`${invalid}. It overflows int64`);
    return Number.isNaN(seconds) ? -longest : Math.trunc(seconds * 1e9);
  }
}

/** Entries of a log query. */
export const defaultEntries = 100;

function refused(why: string): QueryError {
  return new QueryError('bad_data', why);
}

/** Loki refuses ranges that are too long. Throws QueryError. */
export function checkLength({ start, end }: TimeRange, maxRangeMs: number): void {
  if (end - start <= BigInt(maxRangeMs) * 1_000_000n) return;
  const length = formatGoDuration(Number(end - start));
  const limit = formatPrometheusDuration(maxRangeMs * 1e6);
  throw new QueryError(
    'limit',
    `the query time range exceeds the limit (query length: ${length}, limit: ${limit})`,
  );
}

/** Structured metadata and parsed labels are to be shown apart from those of the stream. */
export function wantsCategories({ encodingFlags }: Pick<QueryRequest, 'encodingFlags'>): boolean {
  return encodingFlags.split(',').some((flag) => flag.trim() === 'categorize-labels');
}
