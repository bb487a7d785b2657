import type { QueryContext } from '../../server/guard.js';
import { and, or, type Fragment } from '../../sql/fragment.js';
import { literal } from '../../sql/literal.js';
import { hour, second, startsWithin, type TimeRange } from '../model/time.js';
import type { Field } from '../model/field.js';
import type { TraceCondition } from '../plan/trace-condition.js';
import { spanRows } from './rows.js';
import { tracePadding } from './traces.js';

export interface Candidate {
  readonly traceId: string;
  /** Earliest and latest start of a span that fits, nanoseconds. */
  readonly first: bigint;
  readonly last: bigint;
}

/** The stretch in which the spans of these candidates are looked for. */
export function padded(batch: readonly Candidate[]): TimeRange {
  const first = batch.reduce((a, { first }) => (first < a ? first : a), batch[0]?.first ?? 0n);
  const last = batch.reduce((a, { last }) => (last > a ? last : a), batch[0]?.last ?? 0n);
  return { start: first - tracePadding, end: last + tracePadding };
}

/** How many candidates one statement fetches: more each time, as more were in vain. */
const firstPage = 200;
const largestPage = 10_000;
const firstWindow = 300n * second;
const longestWindow = 24n * hour;

/** A stretch of time in which matching spans are looked for. */
interface Stretch {
  readonly window: TimeRange;
  /** A further condition on the spans. */
  readonly where: string;
  /** Whether a trace with such a span may yet lie outside the range: then all of its spans are asked. */
  readonly mayBeOutside: boolean;
}

/** Spans that began so long before the range and reach into it are found by their own end. */
const longestSpan = 24n * hour;

/**
 * Traces that may match and whose extent, from the first start to the last end of a span, overlaps the range; each once,
 * the newest first. Looks at the newest minutes before it looks further back, and outside of the range only then, so
 * that a search that fills its limit early reads little; only conditions that several spans of a trace must fulfil
 * together need all at once. `fields`: all that the condition names.
 */
export async function* candidates(
  ctx: QueryContext,
  condition: TraceCondition,
  fields: readonly Field[],
  range: TimeRange,
): AsyncGenerator<Candidate[]> {
  const seen = new Set<string>();
  let pageSize = firstPage;
  for (const stretch of isSingle(condition) ? stretches(range) : [aroundRange(range)]) {
    let after: Candidate | null = null;
    for (;;) {
      ctx.signal.throwIfAborted();
      const page: Candidate[] = await candidatePage(ctx, condition, fields, stretch, range, after, pageSize);
      const fresh = page.filter((candidate) => !seen.has(candidate.traceId));
      for (const candidate of fresh) seen.add(candidate.traceId);
      if (fresh.length > 0) yield fresh;
      after = page.at(-1) ?? null;
      const complete = page.length < pageSize;
      pageSize = Math.min(largestPage, pageSize * 4);
      if (complete) break;
    }
  }
}

function aroundRange({ start, end }: TimeRange): Stretch {
  return {
    window: { start: start - tracePadding, end: end + tracePadding },
    where: 'TRUE',
    mayBeOutside: true,
  };
}

function* stretches(range: TimeRange): Generator<Stretch> {
  let { end } = range;
  let width = firstWindow;
  while (end > range.start) {
    const start = end - width > range.start ? end - width : range.start;
    yield { window: { start, end }, where: 'TRUE', mayBeOutside: false };
    end = start;
    width = width * 4n < longestWindow ? width * 4n : longestWindow;
  }
  const { window } = aroundRange(range);
  const outside = `(start_time_unix_nano < ${range.start} OR start_time_unix_nano >= ${range.end})`;
  yield { window, where: outside, mayBeOutside: true };
  yield {
    window: { start: range.start - longestSpan, end: window.start },
    where: `end_time_unix_nano >= ${range.start}`,
    mayBeOutside: false,
  };
}

function isSingle(condition: TraceCondition): condition is Extract<TraceCondition, { kind: 'some' }> {
  return condition.kind === 'some' && condition.extra.length === 0 && condition.atLeast === 1;
}

async function candidatePage(
  ctx: QueryContext,
  condition: TraceCondition,
  fields: readonly Field[],
  { window, where, mayBeOutside }: Stretch,
  range: TimeRange,
  after: Candidate | null,
  pageSize: number,
): Promise<Candidate[]> {
  const filters = leaves(condition);
  const any = filters.length === 0 ? 'TRUE' : or(filters.map(({ sql }) => sql));
  const needed = isSingle(condition) ? condition.needed : undefined;
  const having = isSingle(condition) ? 'TRUE' : havingSql(condition);
  const next = after
    ? `(max(start_time_unix_nano) < ${after.last} OR (max(start_time_unix_nano) = ${after.last} AND trace_id > ${literal(after.traceId)}))`
    : 'TRUE';
  const found = `SELECT trace_id, min(start_time_unix_nano) AS first, max(start_time_unix_nano) AS last
     FROM ${await spanRows(ctx, window, fields, needed)}
     WHERE ${startsWithin(window).sql} AND ${where} AND trace_id IS NOT NULL AND (${any})
     GROUP BY trace_id
     HAVING ${having} AND ${next}`;
  const overlapping = `WITH found AS MATERIALIZED (${found})
     SELECT * FROM found WHERE trace_id IN (
       SELECT trace_id FROM ${await spanRows(ctx, window)}
       WHERE ${startsWithin(window).sql} AND trace_id IN (SELECT trace_id FROM found)
       GROUP BY trace_id
       HAVING min(start_time_unix_nano) < ${range.end} AND max(end_time_unix_nano) >= ${range.start})`;
  const rows = await ctx.session.rows(
    `${mayBeOutside ? overlapping : found} ORDER BY last DESC, trace_id LIMIT ${pageSize}`,
    [],
    pageSize,
  );
  return rows.map((row) => ({
    traceId: row['trace_id'] as string,
    first: row['first'] as bigint,
    last: row['last'] as bigint,
  }));
}

function leaves(condition: TraceCondition): Fragment[] {
  if (condition.kind === 'some') return [condition.filter, ...condition.extra];
  return condition.parts.flatMap(leaves);
}

function havingSql(condition: TraceCondition): string {
  if (condition.kind === 'some') {
    const matching = `count_if(${condition.filter.sql}) >= ${condition.atLeast}`;
    return [matching, ...condition.extra.map(({ sql }) => `count_if(${sql}) > 0`)].join(' AND ');
  }
  if (condition.parts.length === 0) return 'TRUE';
  return `(${(condition.kind === 'all' ? and : or)(condition.parts.map(havingSql))})`;
}
