import { z } from 'zod';
import { QueryError } from '../lake/query-error.js';
import { parseDuration, prometheusDuration } from '../query/text/durations.js';

/** How every tool takes its time range. */
export const rangeInput = {
  since: z
    .string()
    .max(20)
    .optional()
    .describe('How far back from `end`, e.g. 15m, 6h, 7d. Default 1h. Not used with `start`.'),
  start: z.string().max(40).optional().describe('RFC 3339, e.g. 2026-01-31T12:00:00Z'),
  end: z.string().max(40).optional().describe('RFC 3339. Default: now'),
};

interface RangeInput {
  readonly since?: string | undefined;
  readonly start?: string | undefined;
  readonly end?: string | undefined;
}

/** Unix milliseconds. */
export interface Range {
  readonly startMs: number;
  readonly endMs: number;
}

/** Throws QueryError that names the field. */
export function rangeOf({ since, start, end }: RangeInput): Range {
  const endMs = end === undefined ? Date.now() : timeOf('end', end);
  const startMs = start === undefined ? endMs - lasting('since', since ?? '1h') : timeOf('start', start);
  if (startMs >= endMs) throw new QueryError('bad_data', 'start: it must be before end');
  return { startMs, endMs };
}

export function lasting(field: string, text: string): number {
  const nanoseconds = parseDuration(text, prometheusDuration);
  if (nanoseconds === undefined || nanoseconds <= 0n) {
    throw new QueryError('bad_data', `${field}: ${JSON.stringify(text)} is no duration like 15m, 6h, 7d`);
  }
  return Number(nanoseconds) / 1e6;
}

function timeOf(field: string, text: string): number {
  const ms = /^\d{4}-\d\d-\d\d([T ].*)?$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(ms)) {
    throw new QueryError(
      'bad_data',
      `${field}: ${JSON.stringify(text)} is no time like 2026-01-31T12:00:00Z`,
    );
  }
  return ms;
}

/** As the parameters of Loki and Prometheus. */
export function seconds({ startMs, endMs }: Range): { start: string; end: string } {
  return { start: (startMs / 1000).toFixed(3), end: (endMs / 1000).toFixed(3) };
}

/** As Tempo's, which are whole seconds. */
export function wholeSeconds({ startMs, endMs }: Range): { start: number; end: number } {
  return { start: Math.floor(startMs / 1000), end: Math.ceil(endMs / 1000) };
}

/** A step that gives about 60 points, in whole seconds. */
export function stepOf({ startMs, endMs }: Range): number {
  return Math.max(1, Math.ceil((endMs - startMs) / 60_000));
}
