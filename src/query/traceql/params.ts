import { QueryError } from '../../lake/query-error.js';
import { parseDuration } from './lexer.js';
import { second, type TimeRange } from './load.js';

export type Params = Readonly<Record<string, string | string[] | undefined>>;

/** Searches without a time look this far back. */
const defaultLookback = 24n * 3600n * second;
/** Clocks of senders may be ahead; the end of a search without a time allows for it. */
const clockAhead = 900n * second;
const maxIntervals = 11_000n;

export function nowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

export function param(params: Params, name: string): string | undefined {
  const value = params[name];
  const last = Array.isArray(value) ? value.at(-1) : value;
  return last === '' ? undefined : last;
}

export function invalid(name: string, reason: string): QueryError {
  return new QueryError('bad_data', `invalid ${name}: ${reason}`);
}

export function integerParam(
  params: Params,
  name: string,
  fallback: number,
  min: number,
  max: number,
): number {
  const text = param(params, name);
  if (text === undefined) return fallback;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (!(value >= min)) throw invalid(name, `must be a whole number of at least ${min}`);
  if (value > max) throw invalid(name, `must be at most ${max}`);
  return value;
}

/** `start` and `end` in seconds, as /api/search and /api/traces take them; null when both are missing. */
export function secondsRange(params: Params, maxRangeMs: number): TimeRange | null {
  const [from, to] = [param(params, 'start'), param(params, 'end')];
  if (from === undefined && to === undefined) return null;
  const start = from === undefined ? 0n : wholeSeconds('start', from);
  const end = to === undefined ? 0n : wholeSeconds('end', to);
  if (start === 0n && end === 0n) return null;
  const range = {
    start: from === undefined ? end - BigInt(maxRangeMs) * 1_000_000n : start,
    end: end === 0n ? nowNs() + clockAhead : end,
  };
  if (range.end <= range.start) {
    throw new QueryError(
      'bad_data',
      `http parameter start must be before end. received start=${from ?? 0} end=${to ?? 0}`,
    );
  }
  return checkRange(range, maxRangeMs);
}

export function searchRange(params: Params, maxRangeMs: number): TimeRange {
  const given = secondsRange(params, maxRangeMs);
  if (given) return given;
  const end = nowNs() + clockAhead;
  const longest = BigInt(maxRangeMs) * 1_000_000n;
  return { start: end - (defaultLookback < longest ? defaultLookback : longest), end };
}

function checkRange(range: TimeRange, maxRangeMs: number): TimeRange {
  if (range.end - range.start > BigInt(maxRangeMs) * 1_000_000n) {
    throw new QueryError('bad_data', `the time range is longer than ${maxRangeMs / 3_600_000} h`);
  }
  return range;
}

function wholeSeconds(name: string, text: string): bigint {
  if (!/^\d{1,10}$/.test(text)) throw invalid(name, 'must be unix seconds');
  return BigInt(text) * second;
}

export function durationParam(params: Params, name: string): bigint | undefined {
  const text = param(params, name);
  if (text === undefined) return undefined;
  const value = parseDuration(text);
  if (value === null) throw invalid(name, 'must be a duration such as 100ms or 1m30s');
  return value;
}

export interface MetricsRange extends TimeRange {
  /** Nanoseconds; the whole range for an instant query. */
  readonly step: bigint;
  readonly intervals: number;
}

/** Start, end, since and step of the metrics endpoints; start and end are widened to whole steps. */
export function metricsRange(params: Params, maxRangeMs: number, instant: boolean): MetricsRange {
  const end = instantOf(params, 'end') ?? nowNs();
  const since = durationParam(params, 'since') ?? 3600n * second;
  const start = instantOf(params, 'start') ?? end - since;
  if (end <= start) {
    throw new QueryError('bad_data', 'http parameter start must be before end');
  }
  checkRange({ start, end }, maxRangeMs);
  if (instant) return { start, end, step: end - start, intervals: 1 };
  const step = stepOf(params) ?? defaultStep(end - start);
  const aligned = { start: start - (start % step), end: end + ((step - (end % step)) % step) };
  const intervals = (aligned.end - aligned.start) / step;
  if (intervals > maxIntervals) {
    throw new QueryError('bad_data', `step is too small: ${intervals} intervals, at most ${maxIntervals}`);
  }
  return { ...aligned, step, intervals: Number(intervals) };
}

function instantOf(params: Params, name: string): bigint | undefined {
  const text = param(params, name);
  if (text === undefined) return undefined;
  if (/^\d{1,10}$/.test(text)) return BigInt(text) * second;
  if (/^\d{11,19}$/.test(text)) return BigInt(text);
  if (/^\d{1,10}\.\d+$/.test(text)) return BigInt(Math.round(Number(text) * 1e6)) * 1000n;
  const date = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(date)) throw invalid(name, 'must be unix seconds, unix nanoseconds or an RFC 3339 time');
  return BigInt(date) * 1_000_000n;
}

function stepOf(params: Params): bigint | undefined {
  const text = param(params, 'step');
  if (text === undefined) return undefined;
  const value = /^\d+(\.\d+)?$/.test(text) ? BigInt(Math.round(Number(text) * 1e9)) : parseDuration(text);
  if (value === null || value < 1_000_000n) {
    throw invalid('step', 'must be a duration such as 30s of at least 1ms');
  }
  return value;
}

/** About 240 points, in a round step. */
function defaultStep(width: bigint): bigint {
  const baseline = width / 240n;
  for (const seconds of [3600n, 300n, 60n, 15n, 5n, 1n]) {
    const unit = seconds * second;
    if (baseline > unit) return (baseline / unit) * unit;
  }
  return second;
}
