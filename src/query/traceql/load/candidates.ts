import type { QueryContext } from '../../server/guard.js';
import { and, or, type Fragment } from '../../sql/fragment.js';
import { literal } from '../../sql/literal.js';
import { hour, second, startsWithin, type TimeRange } from '../model/time.js';
import type { Field } from '../model/field.js';
import type { TraceCondition } from '../plan/trace-condition.js';
import { spanRows } from './rows.js';
import { isOneOf, tracePadding } from './traces.js';

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

interface Part {
  readonly window: TimeRange;
  /** A further condition on the spans. */
  readonly where: string;
  /** The same as files may be left out by it. */
  readonly only?: { readonly endsFrom: bigint };
}

/** Stretches of time in which one statement looks for matching spans. */
interface Stretch {
  readonly parts: readonly Part[];
  /**
   * Which traces with such a span may yet lie outside of the range, so that all of their spans are asked: none, each, or those
   * of which no span that fits reaches into the range itself.
   */
  readonly mayBeOutside: 'none' | 'each' | 'others';
  /** Where the next one ends; null after the last. */
  readonly from: bigint | null;
}

/** Spans that began so long before the range and reach into it are found by their own end. */
const longestSpan = 24n * hour;

/**
 * Traces that may match and whose extent, from the first start to the last end of a span, overlaps the range; each once,
 * the newest first. Looks at the newest minutes before it looks further back, and outside of the range only with the last of it, so
 * that a search that fills its limit early reads little; only conditions that several spans of a trace must fulfil
 * together need all at once. `fields`: all that the condition names; `looked` is told what is read.
 */
export async function* candidates(
  ctx: QueryContext,
  condition: TraceCondition,
  fields: readonly Field[],
  range: TimeRange,
  looked?: (window: TimeRange) => void,
): AsyncGenerator<readonly Candidate[]> {
  const seen = new Set<string>();
  let pageSize = firstPage;
  for (let stretch: Stretch | null = firstStretch(condition, range); stretch !== null;) {
    if (stretch.parts[0]) looked?.(stretch.parts[0].window);
    let after: FoundTrace | null = null;
    for (;;) {
      ctx.signal.throwIfAborted();
      const page: FoundTrace[] = await candidatePage(ctx, condition, fields, stretch, range, after, pageSize);
      const unseen = page.filter((candidate) => !seen.has(candidate.traceId));
      const fresh = stretch.mayBeOutside === 'others' ? await overlapping(ctx, unseen, range) : unseen;
      for (const candidate of fresh) seen.add(candidate.traceId);
      if (fresh.length > 0) yield fresh;
      after = page.at(-1) ?? null;
      const complete = page.length < pageSize;
      pageSize = Math.min(largestPage, pageSize * 4);
      if (complete) break;
    }
    stretch = nextStretch(stretch, range, seen.size);
  }
}

function paddedRange({ start, end }: TimeRange): TimeRange {
  return { start: start - tracePadding, end: end + tracePadding };
}

function firstStretch(condition: TraceCondition, range: TimeRange): Stretch {
  if (isSingle(condition)) return stretchTo(range.end, firstWindow, range);
  return { parts: [{ window: paddedRange(range), where: 'TRUE' }], mayBeOutside: 'each', from: null };
}

/** As long as another page takes at the rate of those found so far, since each statement has its price. */
function nextStretch({ from }: Stretch, range: TimeRange, found: number): Stretch | null {
  if (from === null) return null;
  const covered = range.end - from;
  const wanted = found === 0 ? longestWindow : (covered * BigInt(firstPage)) / BigInt(found);
  return stretchTo(from, wanted > 3n * covered ? wanted : 3n * covered, range);
}

/** The last of them, which begins with the range, has all around it as well. */
function stretchTo(end: bigint, width: bigint, range: TimeRange): Stretch {
  const start = end - (width < longestWindow ? width : longestWindow);
  if (start > range.start) {
    return { parts: [{ window: { start, end }, where: 'TRUE' }], mayBeOutside: 'none', from: start };
  }
  const around = paddedRange(range);
  return {
    parts: [
      {
        window: around,
        where: `(start_time_unix_nano < ${end} OR start_time_unix_nano >= ${range.end})`,
      },
      {
        window: { start: range.start - longestSpan, end: around.start },
        where: `end_time_unix_nano >= ${range.start}`,
        only: { endsFrom: range.start },
      },
    ],
    mayBeOutside: 'others',
    from: null,
  };
}

function isSingle(condition: TraceCondition): condition is Extract<TraceCondition, { kind: 'some' }> {
  return condition.kind === 'some' && condition.extra.length === 0 && condition.atLeast === 1;
}

interface FoundTrace extends Candidate {
  /** A span that fits reaches into the range. */
  readonly reaches: boolean;
}

async function candidatePage(
  ctx: QueryContext,
  condition: TraceCondition,
  fields: readonly Field[],
  { parts, mayBeOutside }: Stretch,
  range: TimeRange,
  after: Candidate | null,
  pageSize: number,
): Promise<FoundTrace[]> {
  const filters = leaves(condition);
  const any = filters.length === 0 ? 'TRUE' : or(filters.map(({ sql }) => sql));
  const needed = isSingle(condition) ? condition.needed : undefined;
  const having = isSingle(condition) ? 'TRUE' : havingSql(condition);
  const next = after
    ? `(max(start_time_unix_nano) < ${after.last} OR (max(start_time_unix_nano) = ${after.last} AND trace_id > ${literal(after.traceId)}))`
    : 'TRUE';
  const conditions = ({ window, where }: Part) =>
    `${startsWithin(window).sql} AND ${where} AND trace_id IS NOT NULL AND (${any})`;
  const selected: string[] = [];
  for (const part of parts) {
    const rows = await spanRows(ctx, part.window, fields, needed, part.only);
    selected.push(`${rows} WHERE ${conditions(part)}`);
  }
  // Only a condition of one span alone has several parts, so that the groups of these need no more than the times.
  const times = 'SELECT trace_id, start_time_unix_nano, end_time_unix_nano FROM';
  const from =
    selected.length === 1
      ? selected.join('')
      : `(${selected.map((sql) => `${times} ${sql}`).join(' UNION ALL ')})`;
  // A span that ends before its start, or without an end, has no length.
  const reaches = `start_time_unix_nano < ${range.end} AND greatest(start_time_unix_nano, end_time_unix_nano) >= ${range.start}`;
  const found = `SELECT trace_id, min(start_time_unix_nano) AS first, max(start_time_unix_nano) AS last,
       coalesce(bool_or(${reaches}), false) AS reaches
     FROM ${from}
     GROUP BY trace_id
     HAVING ${having} AND ${next}`;
  const around = paddedRange(range);
  const others = 'trace_id IN (SELECT trace_id FROM found WHERE NOT reaches)';
  const inRange = async () => `WITH found AS MATERIALIZED (${found})
     SELECT * FROM found WHERE reaches OR trace_id IN (${await overlappingSql(ctx, around, range, others)})`;
  const rows = await ctx.session.rows(
    `${mayBeOutside === 'each' ? await inRange() : found} ORDER BY last DESC, trace_id LIMIT ${pageSize}`,
    [],
    pageSize,
  );
  return rows.map((row) => ({
    traceId: row['trace_id'] as string,
    first: row['first'] as bigint,
    last: row['last'] as bigint,
    reaches: row['reaches'] as boolean,
  }));
}

/** Of these traces those that overlap the range by their extent. */
async function overlapping(
  ctx: QueryContext,
  found: readonly FoundTrace[],
  range: TimeRange,
): Promise<readonly FoundTrace[]> {
  const unsure = found.filter(({ reaches }) => !reaches).map(({ traceId }) => traceId);
  if (unsure.length === 0) return found;
  // Few rows, of which the statement tells, are read where footers of files are kept.
  const sql = `${await overlappingSql(ctx, paddedRange(range), range, isOneOf(unsure))} LIMIT ${unsure.length}`;
  const inside = new Set((await ctx.session.rows(sql, [], unsure.length)).map((row) => row['trace_id']));
  return found.filter(({ reaches, traceId }) => reaches || inside.has(traceId));
}

async function overlappingSql(
  ctx: QueryContext,
  around: TimeRange,
  range: TimeRange,
  isFound: string,
): Promise<string> {
  return `SELECT trace_id FROM ${await spanRows(ctx, around)}
     WHERE ${startsWithin(around).sql} AND ${isFound}
     GROUP BY trace_id
     HAVING min(start_time_unix_nano) < ${range.end} AND greatest(max(start_time_unix_nano), max(end_time_unix_nano)) >= ${range.start}`;
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
