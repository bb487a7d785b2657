import { and } from '../../sql/fragment.js';
import { fromBefore } from '../plan/range.js';
import { RecordDecoder, recordColumns } from '../model/record.js';
import { compilePipeline } from '../stages/index.js';
import type { LogExpr } from '../syntax/ast.js';
import type { ExecContext } from './context.js';
import { logConditions, type LogEntry } from './logs.js';

export interface ArrivalsQuery {
  readonly log: LogExpr;
  /** From (included) and to (not included), nanoseconds since the epoch. */
  readonly from: bigint;
  readonly to: bigint;
  /** Only records that were committed after this row. */
  readonly after: bigint;
  readonly limit: number;
}

/** Characters of lines after which no further record is read at once. */
const enoughCharacters = 8 * 1024 * 1024;

export interface Arrivals {
  readonly entries: readonly LogEntry[];
  /** The last row that was looked at. */
  readonly last: bigint;
  /** There may be more behind it. */
  readonly more: boolean;
}

/** The row that came last of those in a time range; -1 when there is none. */
export async function lastRow(from: bigint, to: bigint, ctx: ExecContext): Promise<bigint> {
  const [row] = await ctx.session.rows(
    `SELECT coalesce(max(rowid), -1)::BIGINT AS last FROM lake.logs WHERE ${and(fromBefore(from, to))}`,
  );
  return row?.['last'] as bigint;
}

/**
 * Records in the order of their commits, whatever their time. Files that were compacted meanwhile give their records new
 * places behind all others, so a record may come twice.
 */
export async function arrivals(query: ArrivalsQuery, ctx: ExecContext): Promise<Arrivals> {
  const run = compilePipeline(query.log.stages);
  const { pipeline, where } = await logConditions(query, ctx);
  const decoder = new RecordDecoder();
  const entries: LogEntry[] = [];
  let last = query.after;
  let seen = 0;
  let characters = 0;
  ctx.stats.statements++;
  const chunks = ctx.session.stream(
    `SELECT time_unix_nano, rowid, body, ${recordColumns.join(', ')} FROM ${pipeline.source()} ` +
      `WHERE ${and([...where, `rowid > ${query.after}`])} ORDER BY rowid LIMIT ${query.limit}`,
  );
  for await (const chunk of chunks) {
    for (let r = 0; r < chunk.rowCount; r++) {
      const body = chunk.columns[2]?.[r];
      const timeNs = chunk.columns[0]?.[r] as bigint;
      const row = {
        line: typeof body === 'string' ? body : '',
        labels: decoder.labels(chunk, r, 3),
        timeNs,
      };
      last = chunk.columns[1]?.[r] as bigint;
      seen++;
      if (!run(row)) continue;
      entries.push({ timeNs, line: row.line, labels: [...row.labels.entries()] });
      characters += row.line.length;
      if (characters > enoughCharacters) return { entries, last, more: true };
    }
  }
  return { entries, last, more: seen >= query.limit };
}
