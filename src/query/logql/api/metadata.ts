import { QueryError } from '../../../lake/query-error.js';
import type { QueryRequest } from '../../server/endpoint.js';
import type { QueryLimits } from '../../server/guard.js';
import type { ExecContext } from '../exec/context.js';
import { logConditions } from '../exec/logs.js';
import { streamColumns, streamSql } from '../model/columns.js';
import { isOfStreams, labelSql } from '../model/names.js';
import { metadataWindow } from '../plan/range.js';
import { selectorSql } from '../plan/pipeline.js';
import { and } from '../../sql/fragment.js';
import { byTexts, listed, unlessTooMany, type ListingQuery } from '../../sql/listing.js';
import { metadataSource } from '../../sql/metadata.js';
import { byteOrder } from '../../text/byte-order.js';
import type { LogExpr } from '../syntax/ast.js';
import { definitionOf } from '../stages/index.js';
import { parseLog } from '../syntax/parse.js';
import { checkLength, LokiParams } from './params.js';
import type { Plan } from './queries.js';

const everything: LogExpr = { kind: 'log', matchers: [], stages: [] };

/** A selector parameter; `{}`, which the language itself does not allow, selects everything. */
function selector(text: string | undefined): LogExpr {
  return text === undefined || /^\s*\{\s*\}\s*$/.test(text) ? everything : parseLog(text);
}

export interface Selection {
  readonly log: LogExpr;
  readonly from: bigint;
  readonly to: bigint;
}

/** The range of the metadata endpoints where the request tells none. */
export const sixHours = 6n * 3_600_000_000_000n;

/** `query`, `start` and `end` of the metadata endpoints. */
export function selection(
  params: LokiParams,
  { maxRangeMs }: QueryLimits,
  range = params.range(sixHours),
): Selection {
  const log = selector(params.text('query'));
  checkLength(range, maxRangeMs);
  return { log, from: range.start, to: range.end };
}

/** The condition of a selector and the filters right behind it; parsers and what follows them do not count here. */
export async function whereSql({ log, from, to }: Selection, ctx: ExecContext): Promise<string> {
  const end = log.stages.findIndex((stage) => definitionOf(stage).work !== 'filters');
  const stages = end < 0 ? log.stages : log.stages.slice(0, end);
  return and((await logConditions({ log: { ...log, stages }, from, to }, ctx)).where);
}

/** Whether the metadata of streams tell these labels of the selected records; `null`: only the records do. */
export async function ofStreams(
  { log, from, to }: Selection,
  names: readonly string[],
  ctx: ExecContext,
): Promise<Pick<ListingQuery, 'kind' | 'window' | 'where'> | null> {
  const window = metadataWindow(from, to);
  await ctx.keys.learn(ctx.session, names, window);
  if (log.stages.length > 0 || !isOfStreams(names, log.matchers, ctx.keys)) return null;
  return { kind: 'log_streams', window, where: and(selectorSql(log.matchers, ctx.keys)) };
}

/** Distinct values of `columns`, which name no other labels than these, of the selected records, in no order. */
async function distinct(
  query: Selection,
  names: readonly string[],
  columns: (keys: ExecContext['keys']) => { readonly shown: readonly string[]; readonly where?: string },
  ctx: ExecContext,
  maxRows: number,
): Promise<(readonly unknown[])[]> {
  const streams = await ofStreams(query, names, ctx);
  const { shown, where = 'TRUE' } = columns(ctx.keys);
  if (streams) {
    const rows = await listed(ctx.session, {
      ...streams,
      ...{ columns: shown, where: and([streams.where, where]), maxRows },
    });
    return rows.map(({ values }) => values);
  }
  const named = shown.map((sql, i) => `${sql} AS c${i}`);
  const rows = await ctx.session.rows(
    `SELECT DISTINCT ${named.join(', ')} FROM lake.logs WHERE ${and([await whereSql(query, ctx), where])}`,
    [],
    maxRows,
  );
  return rows.map((row) => shown.map((_, i) => row[`c${i}`]));
}

/** GET /loki/api/v1/labels: stream labels with a value in the range, and `level`. */
export function labels(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  const query = selection(params, limits);
  return async (ctx) => {
    const shown = streamColumns.map((name) => `${streamSql(name)} IS NOT NULL`);
    const rows = await distinct(query, streamColumns, () => ({ shown }), ctx, limits.maxRows);
    const names = streamColumns.filter((_, i) => rows.some((row) => row[i] === true));
    return { status: 'success', data: names.length > 0 ? [...names, 'level'].sort() : [] };
  };
}

/** GET /loki/api/v1/label/:name/values, for any label that a record can have. */
export function labelValues(request: QueryRequest, limits: QueryLimits): Plan {
  const { name = '' } = request.params;
  if (!/^[a-zA-Z_]\w*$/.test(name)) throw new QueryError('bad_data', 'the label name is not valid');
  const params = new LokiParams(request);
  const query = selection(params, limits);
  return async (ctx) => {
    const columns = (keys: ExecContext['keys']) => {
      const sql = labelSql(name, keys);
      return { shown: [sql], where: `coalesce(${sql}, '') <> ''` };
    };
    const rows = await distinct(query, [name], columns, ctx, limits.maxRows);
    return { status: 'success', data: rows.map(([value]) => value as string).sort(byteOrder) };
  };
}

/** GET or POST /loki/api/v1/series: the label sets of the streams that any of `match[]` selects, of all without one. */
export function series(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  const range = params.range(sixHours);
  const given = params.all('match', 'match[]');
  const matches = given.length === 0 ? [everything] : given.map((text) => selector(text));
  checkLength(range, limits.maxRangeMs);
  if (matches.length > 50) throw new QueryError('limit', 'parameter "match[]" is given more than 50 times');
  const most = Math.min(limits.maxRows, limits.maxSeries);
  return async (ctx) => {
    const names = [...streamColumns, 'level'];
    const columns = (keys: ExecContext['keys']) => ({ shown: names.map((name) => labelSql(name, keys)) });
    const found = new Map<string, readonly unknown[]>();
    for (const log of matches) {
      const rows = await distinct({ log, from: range.start, to: range.end }, names, columns, ctx, most);
      for (const row of rows) found.set(JSON.stringify(row), row);
      if (found.size > most) throw new QueryError('limit', `the query gives more than ${most} rows`);
    }
    const data = [...found.values()].sort(byTexts).map((row) => {
      const own = names.map((name, i) => [name, row[i]] as const);
      return Object.fromEntries(own.filter(([, value]) => value !== null && value !== ''));
    });
    return { status: 'success', data };
  };
}

/** GET /loki/api/v1/detected_labels: stream labels and how many values they have. */
export function detectedLabels(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  const query = selection(params, limits);
  return async (ctx) => {
    const names = [...streamColumns, 'level'];
    const streams = await ofStreams(query, names, ctx);
    const columns = names.map((name) => labelSql(name, ctx.keys));
    const { maxRows } = limits;
    const rows = streams && (await unlessTooMany(listed(ctx.session, { ...streams, columns, maxRows })));
    const found = rows
      ? names.map((label, i) => {
          const values = new Set(rows.flatMap((row) => row.values[i] ?? []));
          return { label, cardinality: values.size };
        })
      : await countedLabels(query, streams, names, ctx);
    return { detectedLabels: found.filter(({ cardinality }) => cardinality > 0) };
  };
}

/** The same counted in SQL: the label sets may be many, or in the records alone. */
async function countedLabels(
  query: Selection,
  streams: Awaited<ReturnType<typeof ofStreams>>,
  names: readonly string[],
  ctx: ExecContext,
): Promise<{ readonly label: string; readonly cardinality: number }[]> {
  const from = streams
    ? `${await metadataSource(ctx.session, streams.kind, streams.window)} WHERE ${streams.where}`
    : `lake.logs WHERE ${await whereSql(query, ctx)}`;
  const counts = names.map((name, i) => `count(DISTINCT ${labelSql(name, ctx.keys)})::DOUBLE AS c${i}`);
  const [row] = await ctx.session.rows(`SELECT ${counts.join(', ')} FROM ${from}`);
  return names.map((label, i) => ({ label, cardinality: (row?.[`c${i}`] ?? 0) as number }));
}
