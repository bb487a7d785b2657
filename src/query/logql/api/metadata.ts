import { QueryError } from '../../../lake/query-error.js';
import type { QueryRequest } from '../../server/endpoint.js';
import type { QueryLimits } from '../../server/guard.js';
import type { ExecContext } from '../exec/context.js';
import { logConditions } from '../exec/logs.js';
import { streamColumns, streamSql } from '../model/columns.js';
import { labelSql } from '../model/names.js';
import { and, or } from '../../sql/fragment.js';
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

/** GET /loki/api/v1/labels: stream labels with a value in the range, and `level`. */
export function labels(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  const query = selection(params, limits);
  return async (ctx) => {
    const columns = streamColumns.map((name) => `bool_or(${streamSql(name)} IS NOT NULL) AS ${name}`);
    const [row] = await ctx.session.rows(
      `SELECT ${columns.join(', ')} FROM lake.logs WHERE ${await whereSql(query, ctx)}`,
    );
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
    const where = await whereSql(query, ctx);
    await ctx.hints.learn(ctx.session, [name], where);
    const sql = labelSql(name, ctx.hints);
    const rows = await ctx.session.rows(
      `SELECT DISTINCT ${sql} AS value FROM lake.logs WHERE ${where} AND coalesce(${sql}, '') <> '' ORDER BY 1`,
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
    const parts: string[] = [];
    for (const log of matches) parts.push(await whereSql({ log, from: start, to: end }, ctx));
    const columns = streamColumns.map((name) => `${streamSql(name)} AS ${name}`).join(', ');
    const rows = await ctx.session.rows(
      `SELECT DISTINCT ${columns} FROM lake.logs WHERE ${or(parts)} ORDER BY ALL`,
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
    const columns = [...streamColumns, 'level'].map(
      (name) => `count(DISTINCT ${labelSql(name, ctx.hints)})::INTEGER AS ${name}`,
    );
    const [row] = await ctx.session.rows(
      `SELECT ${columns.join(', ')} FROM lake.logs WHERE ${await whereSql(query, ctx)}`,
    );
    const found = Object.entries(row ?? {}).filter(([, cardinality]) => Number(cardinality) > 0);
    return { detectedLabels: found.map(([label, cardinality]) => ({ label, cardinality })) };
  };
}
