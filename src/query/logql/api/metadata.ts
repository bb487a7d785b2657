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
import { metadataSource } from '../../sql/metadata.js';
import type { LogExpr } from '../syntax/ast.js';
import { definitionOf } from '../stages/index.js';
import { parseLog } from '../syntax/parse.js';
import { LokiParams } from './params.js';
import type { Plan } from './queries.js';

const sixHours = 6n * 3_600_000_000_000n;
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

/** `query`, `start` and `end` of the metadata endpoints; six hours by default. */
export function selection(params: LokiParams, limits: QueryLimits): Selection {
  const { start, end } = params.range(sixHours, limits.maxRangeMs);
  return { log: selector(params.text('query')), from: start, to: end };
}

/** The condition of a selector and the filters right behind it; parsers and what follows them do not count here. */
export async function whereSql({ log, from, to }: Selection, ctx: ExecContext): Promise<string> {
  const end = log.stages.findIndex((stage) => definitionOf(stage).work !== 'filters');
  const stages = end < 0 ? log.stages : log.stages.slice(0, end);
  return and((await logConditions({ log: { ...log, stages }, from, to }, ctx)).where);
}

interface Source {
  readonly from: string;
  readonly where: string;
}

/**
 * Where these labels of the selected records are read from: the metadata of streams where they tell them. `weighed`: with
 * `records` and `bytes`.
 */
export async function streamSource(
  query: Selection,
  names: readonly string[],
  ctx: ExecContext,
  weighed = false,
): Promise<Source> {
  const { log, from, to } = query;
  const window = metadataWindow(from, to);
  await ctx.keys.learn(ctx.session, names, window);
  if (log.stages.length === 0 && isOfStreams(names, log.matchers, ctx.keys)) {
    const source = await metadataSource(ctx.session, 'log_streams', window, weighed);
    return { from: source, where: and(selectorSql(log.matchers, ctx.keys)) };
  }
  const rows = weighed
    ? '(SELECT *, 1 AS records, coalesce(strlen(body), 0) AS bytes FROM lake.logs)'
    : 'lake.logs';
  return { from: rows, where: await whereSql(query, ctx) };
}

/** GET /loki/api/v1/labels: stream labels with a value in the range, and `level`. */
export function labels(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  const query = selection(params, limits);
  return async (ctx) => {
    const columns = streamColumns.map((name) => `bool_or(${streamSql(name)} IS NOT NULL) AS ${name}`);
    const { from, where } = await streamSource(query, streamColumns, ctx);
    const [row] = await ctx.session.rows(`SELECT ${columns.join(', ')} FROM ${from} WHERE ${where}`);
    const present = new Map(Object.entries(row ?? {}));
    const names = streamColumns.filter((name) => present.get(name) === true);
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
    const { from, where } = await streamSource(query, [name], ctx);
    const sql = labelSql(name, ctx.keys);
    const rows = await ctx.session.rows(
      `SELECT DISTINCT ${sql} AS value FROM ${from} WHERE ${where} AND coalesce(${sql}, '') <> '' ORDER BY 1`,
      [],
      limits.maxRows,
    );
    return { status: 'success', data: rows.map((row) => row['value']) };
  };
}

/** GET or POST /loki/api/v1/series: the label sets of the streams that any of `match[]` selects, of all without one. */
export function series(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  const { start, end } = params.range(sixHours, limits.maxRangeMs);
  const given = params.all('match', 'match[]');
  const matches = given.length === 0 ? [everything] : given.map((text) => selector(text));
  if (matches.length > 50) throw new QueryError('limit', 'parameter "match[]" is given more than 50 times');
  return async (ctx) => {
    const names = [...streamColumns, 'level'];
    const sources: Source[] = [];
    for (const log of matches) {
      sources.push(await streamSource({ log, from: start, to: end }, names, ctx));
    }
    const columns = names.map((name) => `${labelSql(name, ctx.keys)} AS ${name}`).join(', ');
    const rows = await ctx.session.rows(
      sources
        .map(({ from, where }) => `SELECT DISTINCT ${columns} FROM ${from} WHERE ${where}`)
        .join(' UNION ') + ' ORDER BY ALL',
      [],
      Math.min(limits.maxRows, limits.maxSeries),
    );
    const data = rows.map((row) =>
      Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null && value !== '')),
    );
    return { status: 'success', data };
  };
}

/** GET /loki/api/v1/detected_labels: stream labels and how many values they have. */
export function detectedLabels(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  const query = selection(params, limits);
  return async (ctx) => {
    const names = [...streamColumns, 'level'];
    const { from, where } = await streamSource(query, names, ctx);
    const columns = names.map((name) => `count(DISTINCT ${labelSql(name, ctx.keys)})::INTEGER AS ${name}`);
    const [row] = await ctx.session.rows(`SELECT ${columns.join(', ')} FROM ${from} WHERE ${where}`);
    const found = Object.entries(row ?? {}).filter(([, cardinality]) => Number(cardinality) > 0);
    return { detectedLabels: found.map(([label, cardinality]) => ({ label, cardinality })) };
  };
}
