import { QueryError } from '../../../lake/query-error.js';
import type { QueryRequest } from '../../server/endpoint.js';
import type { QueryLimits } from '../../server/guard.js';
import { Params } from '../../server/params.js';
import { readFrom } from '../../server/range.js';
import type { MetricsRange } from '../exec/metrics-options.js';
import { goDuration, parseDuration } from '../../text/durations.js';
import { durationFault, integerFault } from '../../text/go-faults.js';
import { second, type TimeRange } from '../model/time.js';

/** Searches without a time look this far back. */
const defaultLookback = 24n * 3600n * second;
/** Clocks of senders may be ahead; the end of a search without a time allows for it. */
const clockAhead = 900n * second;
const maxIntervals = 11_000n;

type Range = Pick<QueryLimits, 'maxRangeMs' | 'retentionMs'>;

export function nowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/** Of Go's durations. */
const longest = 2n ** 63n - 1n;

/** What Tempo says of a parameter that can't be read. */
export function invalid(name: string, reason: string): QueryError {
  return new QueryError('bad_data', `invalid ${name}: ${reason}`);
}

/** The parameters of Tempo's API: numbers are seconds up to 10 digits, nanoseconds beyond; of a repeated one the last counts. */
export class TempoParams extends Params {
  constructor(request: Pick<QueryRequest, 'url' | 'body'>) {
    super(request, 'seconds or nanoseconds');
  }

  protected override invalid(name: string, reason: string): QueryError {
    return invalid(name, reason);
  }

  override text(name: string): string | undefined {
    return this.all(name).at(-1) || undefined;
  }

  /** A duration with its unit. */
  lasting(name: string): bigint | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const duration = /[a-zµμ]$/.test(text) ? parseDuration(text, goDuration) : undefined;
    if (duration !== undefined && duration <= longest) return duration;
    throw invalid(name, durationFault(text));
  }

  /** A count of at least 1. */
  positive(name: string, fallback: number): number {
    if (/^-?0*$|^-\d+$/.test(this.text(name) ?? '1')) throw invalid(name, 'must be a positive number');
    return this.integer(name, fallback, 1);
  }

  override integer(name: string, fallback: number, min = 0, max = Number.MAX_SAFE_INTEGER): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    if (!/^[+-]?\d{1,15}$/.test(text)) throw invalid(name, integerFault('Atoi', text));
    if (Number(text) < min) throw invalid(name, 'must not be a negative number');
    if (Number(text) > max) throw invalid(name, `must be at most ${max}`);
    return Number(text);
  }
}

/** `start` and `end` in seconds, as /api/search and /api/traces take them; null when both are missing or 0. */
function secondsRange(params: TempoParams, { maxRangeMs }: Range): TimeRange | null {
  const [start, end] = [wholeSeconds(params, 'start'), wholeSeconds(params, 'end')];
  if ((start ?? 0n) === 0n && (end ?? 0n) === 0n) return null;
  const until = end === undefined || end === 0n ? nowNs() + clockAhead : end;
  const range = { start: start ?? until - BigInt(maxRangeMs) * 1_000_000n, end: until };
  if (range.end <= range.start) {
    throw new QueryError(
      'bad_data',
      `http parameter start must be before end. received start=${params.text('start') ?? 0} end=${params.text('end') ?? 0}`,
    );
  }
  return range;
}

/** The range of a search. Tempo refuses one that is too long. */
export function searchRange(params: TempoParams, limits: Range): TimeRange {
  return checkRange(secondsRange(params, limits) ?? latest(limits), limits);
}

/** The range of a request whose range Tempo does not limit: of one that is too long, what retention keeps. */
export function keptRange(params: TempoParams, limits: Range): TimeRange {
  return kept(secondsRange(params, limits) ?? latest(limits), limits);
}

/** As `keptRange`, null when the request names no time. */
export function hintedRange(params: TempoParams, limits: Range): TimeRange | null {
  const range = secondsRange(params, limits);
  return range && kept(range, limits);
}

function latest({ maxRangeMs }: Range): TimeRange {
  const end = nowNs() + clockAhead;
  const longest = BigInt(maxRangeMs) * 1_000_000n;
  return { start: end - (defaultLookback < longest ? defaultLookback : longest), end };
}

function kept({ start, end }: TimeRange, limits: Range): TimeRange {
  const [from, to] = [Number(start / 1_000_000n), Number(end / 1_000_000n)];
  const first = readFrom(from, to, limits);
  return first === from ? { start, end } : { start: BigInt(Math.min(first, to - 1)) * 1_000_000n, end };
}

function checkRange(range: TimeRange, { maxRangeMs }: Range): TimeRange {
  if (range.end - range.start > BigInt(maxRangeMs) * 1_000_000n) {
    throw new QueryError('bad_data', `the time range is longer than ${maxRangeMs / 3_600_000} h`);
  }
  return range;
}

function wholeSeconds(params: TempoParams, name: string): bigint | undefined {
  const text = params.text(name);
  if (text === undefined) return undefined;
  if (/^-\d+$/.test(text)) throw invalid(name, 'must be unix seconds');
  if (!/^\+?\d{1,10}$/.test(text)) throw invalid(name, integerFault('ParseInt', text));
  return BigInt(text.replace('+', '')) * second;
}

/**
 * Start, end, since and step of the metrics endpoints. As in Tempo since 2.9, start and end are widened to whole
 * steps, both have a point, and the point at t holds what is in (t - step, t].
 */
export function metricsRange(params: TempoParams, limits: Range, instant: boolean): MetricsRange {
  const end = params.time('end') ?? nowNs();
  const start = params.time('start') ?? end - (params.duration('since') ?? 3600n * second);
  if (end <= start) {
    throw new QueryError('bad_data', 'http parameter start must be before end');
  }
  checkRange({ start, end }, limits);
  if (instant) return { start, end, step: end - start, intervals: 1, firstPoint: end };
  const step = params.duration('step') ?? defaultStep(end - start);
  if (step < 1_000_000n) throw invalid('step', 'must be a duration such as 30s of at least 1ms');
  const aligned = { start: start - (start % step), end: end + ((step - (end % step)) % step) };
  const intervals = (aligned.end - aligned.start) / step;
  if (intervals > maxIntervals) {
    throw new QueryError('bad_data', `step is too small: ${intervals} intervals, at most ${maxIntervals}`);
  }
  return {
    start: aligned.start - step + 1n,
    end: aligned.end + 1n,
    step,
    intervals: Number(intervals) + 1,
    firstPoint: aligned.start,
  };
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
