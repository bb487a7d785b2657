import { QueryError } from '../../../lake/query-error.js';
import type { QueryContext } from '../../server/guard.js';
import type { Yielder } from '../../series/yielder.js';
import type { Window } from '../plan/times.js';
import type { CompiledMatcher } from '../../series/matchers.js';
import { allOf, and, type Fragment } from '../../sql/fragment.js';
import { unkept } from '../../../lake/metadata/layout.js';
import { keptSource } from '../../sql/metadata.js';
import { inWindow, metadataWindow, nameIs, pushedDown } from './predicates.js';
import type { Source } from './sources.js';
import { streamColumns, streamOf, type Stream } from './streams.js';

/** What was found of a source. */
export interface Discovered {
  readonly streams: readonly Stream[];
  /** Of a row, the id of its stream: 53 bits of the hash of the columns that tell these streams apart, a JS number. */
  readonly id: string;
}

function hashOf(columns: readonly string[]): string {
  return columns.length === 0 ? '0::UBIGINT' : `hash(${columns.join(', ')})`;
}

export function sourcePredicate(
  source: Source,
  matchers: readonly CompiledMatcher[],
  window: Window,
): Fragment {
  return allOf([inWindow(window), ...seriesPredicates(source, matchers)]);
}

function seriesPredicates(source: Source, matchers: readonly CompiledMatcher[]): Fragment[] {
  const name = nameIs(source);
  return [...(name ? [name] : []), ...pushedDown(matchers)];
}

/** The streams of a source that have points in the window; `rest`: in these rows of the table alone. At most `limit + 1` are read, so callers can tell that there are more. */
export async function discover(
  ctx: QueryContext,
  yielder: Yielder,
  source: Source,
  matchers: readonly CompiledMatcher[],
  window: Window,
  limit: number,
  rest?: string,
): Promise<Discovered> {
  const { table } = source;
  const columns = streamColumns(table, ctx.limits.scopeLabels);
  const where = allOf(seriesPredicates(source, matchers));
  const within = metadataWindow(window);
  const { from, kept } =
    rest === undefined
      ? await keptSource(ctx.session, table, within)
      : { from: unkept(table, and([within.where, rest])), kept: false };
  const different = kept ? await differentColumns(ctx, from, columns, where) : columns;
  if (different === null) return { streams: [], id: hashOf([]) };
  const firsts = columns.map((column) => `first(${column})`).join(', ');
  // The spread of the whole hash tells when two identities fall on one id.
  const sql =
    `SELECT (h >> 11)::DOUBLE, min(h) = max(h), ${firsts} FROM ` +
    `(SELECT ${hashOf(different)} AS h, ${columns.join(', ')} FROM ${from} WHERE ${where.sql}) ` +
    `GROUP BY h >> 11 LIMIT ${limit + 1}`;
  const streams: Stream[] = [];
  for await (const chunk of ctx.session.stream(sql)) {
    const at = new Map(columns.map((column, i) => [column, i + 2]));
    for (let row = 0; row < chunk.rowCount; row++) {
      if (yielder.due) await yielder.pause();
      const cell = (column: string): unknown => chunk.columns[at.get(column) ?? -1]?.[row] ?? null;
      if (chunk.columns[1]?.[row] !== true) throw new QueryError('internal', 'two series have the same hash');
      streams.push(streamOf(table, chunk.columns[0]?.[row] as number, cell));
    }
  }
  return { streams, id: `(${hashOf(different)} >> 11)::DOUBLE` };
}

/**
 * The columns in which the streams differ; null when there are none. All others need not be read again with each sample,
 * nor hashed.
 */
async function differentColumns(
  ctx: QueryContext,
  from: string,
  columns: readonly string[],
  where: Fragment,
): Promise<string[] | null> {
  const differs = columns.map(
    (column) => `min(${column}) IS DISTINCT FROM max(${column}) OR count(${column}) NOT IN (0, count(*))`,
  );
  const [row] = await ctx.session.rows(
    `SELECT count(*) > 0 AS any, [${differs.join(', ')}] AS differs FROM ${from} WHERE ${where.sql}`,
  );
  if (row?.['any'] !== true) return null;
  const found = row['differs'] as readonly boolean[];
  return columns.filter((_, i) => found[i] === true);
}
