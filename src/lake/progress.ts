import type { DuckDBConnection } from '@duckdb/node-api';
import { literal, timestampLiteral } from '../duckdb/index.js';
import { CommitError, type StreamProgress } from './types.js';

/** A stream's row of `canardstack_progress`. */
export interface Watermark {
  readonly position: number;
  /** The process that wrote it; null when that is not known (an older release wrote it). */
  readonly writer: string | null;
}

/**
 * Tells this process's commits from those of another process that has the same node id, because its data folder
 * was copied or because it only seemed dead.
 */
export interface WriterIdentity {
  readonly nodeId: string;
  /** This process's own id. */
  readonly writer: string;
  /** Ids of the processes that ran on this data folder before; null: not known, and nobody is foreign. */
  readonly predecessors: ReadonlySet<string> | null;
}

export function checkProgress(progress: readonly StreamProgress[]): void {
  const seen = new Set<string>();
  for (const { stream, position } of progress) {
    if (!Number.isSafeInteger(position) || position < 0 || seen.has(stream)) {
      throw new TypeError(`not a watermark: ${stream} at ${position}`);
    }
    seen.add(stream);
  }
}

/** All streams when `streams` is null. */
export async function readProgress(
  connection: DuckDBConnection,
  streams: readonly string[] | null,
): Promise<Map<string, Watermark>> {
  if (streams?.length === 0) return new Map();
  const where = streams === null ? '' : `WHERE stream IN (${streams.map(literal).join(', ')})`;
  const reader = await connection.runAndReadAll(
    `SELECT stream, max(position), arg_max(writer, position) FROM lake.main.canardstack_progress ${where} GROUP BY stream`,
  );
  return new Map(
    reader.getRows().map(([stream, position, writer]) => {
      return [
        String(stream),
        { position: Number(position), writer: writer === null ? null : String(writer) },
      ];
    }),
  );
}

/**
 * Throws CommitError 'regressed' when the lake is ahead of what the caller takes for committed (its last commit
 * happened after all), 'fenced' when another process put it there. Called within the transaction that then
 * updates the same rows, so a writer that comes between conflicts at COMMIT.
 */
export function refuseStale(
  progress: readonly StreamProgress[],
  current: ReadonlyMap<string, Watermark>,
  withRows: boolean,
  identity: WriterIdentity,
  inherited: ReadonlyMap<string, number>,
): void {
  for (const { stream, position, from } of progress) {
    const committed = current.get(stream) ?? { position: 0, writer: null };
    refuseForeign(stream, committed, identity, inherited.get(stream));
    if (position < committed.position) {
      throw new CommitError(
        'regressed',
        `stream ${stream} is committed to ${committed.position}, not back to ${position}`,
      );
    }
    // Without this a commit whose lost answer was never settled would come again with more rows behind it.
    if (withRows && (position === committed.position || (from ?? position) < committed.position)) {
      throw new CommitError(
        'regressed',
        `stream ${stream} is at ${committed.position} already: rows before that are committed`,
      );
    }
  }
}

/**
 * Throws CommitError 'fenced' when another process wrote the watermark: neither this one nor, unless it has moved
 * since this one first read it, a predecessor.
 */
export function refuseForeign(
  stream: string,
  { position, writer }: Watermark,
  identity: WriterIdentity,
  inherited: number | undefined,
): void {
  if (writer === null || writer === identity.writer || identity.predecessors === null) return;
  if (identity.predecessors.has(writer) && (inherited === undefined || inherited === position)) return;
  throw new CommitError(
    'fenced',
    `stream ${stream} is written by another process with the node id ${identity.nodeId}: two servers run on ` +
      `copies of one data folder. Stop one of them; a copy that is to live on needs an empty spool folder`,
  );
}

/**
 * Known streams are updated, so that two processes that write for the same stream conflict at COMMIT and only
 * one of them gets through; an append would let both through.
 */
export function progressStatements(
  progress: readonly StreamProgress[],
  current: ReadonlyMap<string, Watermark>,
  identity: WriterIdentity,
): string[] {
  const now = timestampLiteral(Date.now());
  const nodeId = literal(identity.nodeId);
  const writer = literal(identity.writer);
  const known = progress.filter((entry) => current.has(entry.stream));
  const fresh = progress.filter((entry) => !current.has(entry.stream));
  const statements: string[] = [];
  if (known.length > 0) {
    const cases = known.map((entry) => `WHEN ${literal(entry.stream)} THEN ${literal(entry.position)}`);
    const names = known.map((entry) => literal(entry.stream));
    statements.push(
      `UPDATE lake.main.canardstack_progress SET position = CASE stream ${cases.join(' ')} END, ` +
        `node_id = ${nodeId}, updated_at = ${now}, writer = ${writer} WHERE stream IN (${names.join(', ')})`,
    );
  }
  if (fresh.length > 0) {
    const rows = fresh.map(
      (entry) => `(${literal(entry.stream)}, ${literal(entry.position)}, ${nodeId}, ${now}, ${writer})`,
    );
    statements.push(
      `INSERT INTO lake.main.canardstack_progress (stream, position, node_id, updated_at, writer) ` +
        `VALUES ${rows.join(', ')}`,
    );
  }
  return statements;
}
