import { QueryError } from '../../../lake/query-error.js';
import type { RowsRequest } from '../../../lake/session.js';
import type { LogExpr } from '../syntax/ast.js';
import { compilePipeline } from '../stages/index.js';
import type { PipelineSql } from '../pipeline/scope.js';
import type { AttributeKeys } from '../model/attributes.js';
import type { Category, RowLabels } from '../model/labels.js';
import { RecordDecoder, recordColumns } from '../model/record.js';
import { and, or } from '../../sql/fragment.js';
import { metadataWindow, orderedFromBefore } from '../plan/range.js';
import { queryNames } from '../plan/labels-read.js';
import { wordsOf } from '../plan/words.js';
import { isOneService, pipelineSql, selectorSql } from '../plan/pipeline.js';
import { Yielder } from '../../series/yielder.js';
import type { ExecContext } from './context.js';
import { FileSlices, groupsIn, mayBeRare, timeSlices, type Slice } from './slices.js';

export interface LogQuery {
  readonly log: LogExpr;
  /** From (included) and to (not included), nanoseconds since the epoch. */
  readonly from: bigint;
  readonly to: bigint;
  readonly limit: number;
  readonly forward: boolean;
  /** Entries closer together than this within a stream are left out; nanoseconds. */
  readonly interval?: bigint;
}

export interface LogEntry {
  readonly timeNs: bigint;
  readonly line: string;
  readonly labels: readonly (readonly [name: string, value: string, category: Category])[];
}

/**
 * Where many records of many row groups are wanted, but few of them answered, first what conditions and order need is read, then the columns
 * of the answer's records alone. Few that match, or those of one service, lie in the same row groups both times.
 */
const manyGroups = 3;
/** They are named one by one. */
const mostRowids = 5000;

interface Part extends Slice {
  /** About how many row groups of files it reads, as far as they are known. */
  readonly groups: number;
}

/** Most characters of the lines and labels of an answer. */
const maxCharacters = 128 * 1024 * 1024;

interface Place {
  readonly time: bigint;
  readonly rowid: bigint;
}

/** The conditions on records of the table that a log query's SQL has, time included. */
export async function logConditions(query: Pick<LogQuery, 'log' | 'from' | 'to'>, ctx: ExecContext) {
  await ctx.keys.learn(ctx.session, queryNames(query.log), metadataWindow(query.from, query.to));
  const { pipeline, where } = conditions(query.log, ctx.keys);
  return { pipeline, where: [...orderedFromBefore(query.from, query.to), ...where] };
}

interface Conditions {
  readonly pipeline: PipelineSql;
  readonly where: readonly string[];
}

/** Without the time. */
function conditions(log: LogExpr, keys: AttributeKeys): Conditions {
  const pipeline = pipelineSql(log.stages, keys);
  return { pipeline, where: [...selectorSql(log.matchers, keys), ...pipeline.conditions] };
}

/**
 * Runs a log query: entries in time order, those of the same nanosecond in the order of their arrival. As much
 * of the pipeline as can be is a condition in SQL; all of it then runs on the rows that come back, which stops
 * at the limit.
 */
export async function runLogs(query: LogQuery, ctx: ExecContext): Promise<LogEntry[]> {
  const run = compilePipeline(query.log.stages);
  const [names, window] = [queryNames(query.log), metadataWindow(query.from, query.to)];
  await ctx.keys.learn(ctx.session, names, window);
  const words = wordsOf(query.log, ctx.keys);
  const scattered = !mayBeRare(query.log) && !query.log.matchers.some(isOneService);
  const entries: LogEntry[] = [];
  const decoder = new RecordDecoder();
  const yielder = new Yielder(ctx.signal);
  const lastOfStream = new Map<string, bigint>();
  let place: Place | undefined;
  let characters = 0;

  /** Reads up to `rows` further records of a slice; false when the limit is reached or it has no more. */
  const page = async (
    { pipeline, where }: Conditions,
    slice: Part,
    rows: number | undefined,
  ): Promise<boolean> => {
    const direction = query.forward ? 'ASC' : 'DESC';
    const order = `ORDER BY time_unix_nano ${direction}, rowid ${direction}`;
    const within = orderedFromBefore(slice.from, slice.to);
    const after = [...within, ...(place ? [beyond(place, query.forward)] : [])];
    const source = `${pipeline.source()} WHERE ${and([...after, ...where])} ${order}`;
    let entry = source + (rows === undefined ? '' : ` LIMIT ${rows}`);
    if (rows !== undefined && rows <= mostRowids && scattered && slice.groups >= manyGroups) {
      const rowids = await rowidsOf(entry, ctx);
      if (rowids.length === 0) return false;
      const window = metadataWindow(slice.from, slice.to);
      const at = await ctx.keys.rowsAt(ctx.session, window, rowids);
      if (at !== null) entry = `${at} WHERE ${and(within)} ${order} LIMIT ${rowids.length}`;
    }
    let seen = 0;
    ctx.stats.statements++;
    const chunks = ctx.session.stream(
      `SELECT time_unix_nano, rowid, body, ${recordColumns.join(', ')} FROM ${entry}`,
    );
    for await (const chunk of chunks) {
      for (let r = 0; r < chunk.rowCount; r++) {
        const pause = yielder.tick();
        if (pause) await pause;
        const timeNs = chunk.columns[0]?.[r] as bigint;
        const body = chunk.columns[2]?.[r];
        place = { time: timeNs, rowid: chunk.columns[1]?.[r] as bigint };
        seen++;
        ctx.stats.records++;
        const row = {
          line: typeof body === 'string' ? body : '',
          labels: decoder.labels(chunk, r, 3),
          timeNs,
        };
        ctx.stats.bytes += Buffer.byteLength(row.line);
        if (!run(row) || tooClose(row.labels, timeNs)) continue;
        const entry = { timeNs, line: row.line, labels: [...row.labels.entries()] };
        characters += entry.labels.reduce((sum, [, value]) => sum + value.length, entry.line.length);
        if (characters > maxCharacters) {
          throw new QueryError(
            'limit',
            `the lines of the answer have more than ${maxCharacters} characters together; lower "limit"`,
          );
        }
        entries.push(entry);
        if (entries.length >= query.limit) return false;
      }
    }
    return rows !== undefined && seen >= rows;
  };

  const tooClose = (labels: RowLabels, time: bigint): boolean => {
    if (!query.interval) return false;
    const key = JSON.stringify([...labels.stream]);
    const last = lastOfStream.get(key);
    const distance = last === undefined ? query.interval : last > time ? last - time : time - last;
    if (distance < query.interval) return true;
    lastOfStream.set(key, time);
    return false;
  };

  const next = await slicesOf(query, words, !scattered, ctx);
  for (let slice = next(0); slice !== null && entries.length < query.limit; slice = next(entries.length)) {
    const { from, to } = slice;
    const first: 'oldest' | 'newest' = query.forward ? 'oldest' : 'newest';
    const search = { words, located: !scattered, first };
    const keys = await ctx.keys.over(ctx.session, names, metadataWindow(from, to), search);
    if (keys.from === '') continue;
    const found = conditions(query.log, keys);
    // A first page by top-N is cheap; only a selective pipeline that SQL can't express pays for a whole sort.
    const enough = found.pipeline.exact && !query.interval ? query.limit : Math.max(1000, query.limit * 4);
    if (await page(found, slice, enough)) await page(found, slice, undefined);
  }
  ctx.stats.returned += entries.length;
  ctx.stats.kept += entries.length;
  return entries;
}

/** How to go through the range. `words` and `located`: as `RowsRequest` has them. */
async function slicesOf(
  query: LogQuery,
  words: NonNullable<RowsRequest['words']>,
  located: boolean,
  { session, stats }: ExecContext,
): Promise<(found: number) => Part | null> {
  const { from, to, log, limit } = query;
  const request = { table: 'logs', from, until: to, keys: [], words, located } as const;
  const files = (await session.spread?.(request)) ?? [];
  for (const { groups, bytes } of files) {
    stats.groups += Math.ceil(groups);
    stats.fileBytes += bytes;
  }
  // Beside ingest even the first part may be of many files.
  const [first = query, ...others] = mayBeRare(log) ? [query] : timeSlices(query);
  const inFiles = new FileSlices({ ...first, forward: query.forward }, files, limit);
  return (found) => {
    const slice = inFiles.next(found) ?? others.shift() ?? null;
    return slice && { ...slice, groups: groupsIn(slice, files) };
  };
}

/** Which rows a statement without its columns gives, in its order. */
async function rowidsOf(statement: string, { session, stats }: ExecContext): Promise<bigint[]> {
  stats.statements++;
  const rowids: bigint[] = [];
  for await (const chunk of session.stream(`SELECT rowid FROM ${statement}`)) {
    for (let r = 0; r < chunk.rowCount; r++) rowids.push(chunk.columns[0]?.[r] as bigint);
  }
  return rowids;
}

function beyond({ time, rowid }: Place, forward: boolean): string {
  const op = forward ? '>' : '<';
  return or([`time_unix_nano ${op} ${time}`, `time_unix_nano = ${time} AND rowid ${op} ${rowid}`]);
}
