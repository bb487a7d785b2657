import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { QueryError } from '../query/errors.js';
import { clientSignal } from '../query/http.js';
import type { ReadSession } from '../query/session.js';
import type { AdminDeps } from './admin.js';
import { HttpError } from './errors.js';

export interface SqlColumn {
  readonly name: string;
  /** DuckDB's name of the type, e.g. `VARCHAR`, `BIGINT[]`. */
  readonly type: string;
}

export interface SqlResult {
  readonly columns: readonly SqlColumn[];
  /** JSON values; whole numbers beyond 2^53 and non-finite numbers are strings, as are times, decimals and blobs. */
  readonly rows: readonly (readonly unknown[])[];
  /** True when the query gave more rows than are here. */
  readonly truncated: boolean;
}

/** Rejects with QueryError unless `text` is one statement that only reads; lake's guard. */
export type ReadOnlyCheck = (session: ReadSession, text: string) => Promise<unknown>;

const maxResultBytes = 64 * 1024 * 1024;

/** Runs one read-only statement. Rejects with QueryError; parse and bind errors are the client's to see. */
export async function runSql(
  session: ReadSession,
  text: string,
  check: ReadOnlyCheck,
  maxRows: number,
): Promise<SqlResult> {
  try {
    await check(session, text);
    const statement = text.replace(/[;\s]+$/, '');
    const columns = await describeColumns(session, statement);
    const rows: unknown[][] = [];
    let bytes = 0;
    for await (const chunk of session.stream(statement)) {
      for (let r = 0; r < chunk.rowCount; r++) {
        if (rows.length >= maxRows || bytes > maxResultBytes) return { columns, rows, truncated: true };
        const row = chunk.columns.map((column) => jsonValue(column[r]));
        for (const value of row) bytes += typeof value === 'string' ? value.length : 8;
        rows.push(row);
      }
    }
    return { columns, rows, truncated: false };
  } catch (error) {
    throw sqlError(error);
  }
}

/** EXPLAIN has no columns that could be described; its two are always the same. */
async function describeColumns(session: ReadSession, statement: string): Promise<SqlColumn[]> {
  if (/^\s*explain\b/i.test(statement)) {
    return [
      { name: 'explain_key', type: 'VARCHAR' },
      { name: 'explain_value', type: 'VARCHAR' },
    ];
  }
  // The newline ends a comment in the last line.
  const rows = await session.rows(`DESCRIBE SELECT * FROM (${statement}\n)`);
  return rows.map((row) => ({ name: String(row['column_name']), type: String(row['column_type']) }));
}

const clientErrors =
  /^(Parser|Binder|Catalog|Conversion|Out of Range|Invalid Input|Invalid|Permission|Not implemented|Syntax|Mismatch Type|Divide by Zero|Constraint) Error/i;

function sqlError(error: unknown): unknown {
  if (error instanceof QueryError || !(error instanceof Error)) return error;
  if (clientErrors.test(error.message)) return new QueryError('bad_data', error.message);
  if (/^Out of Memory Error/i.test(error.message)) {
    return new QueryError('limit', 'the query needs more memory than queries may take');
  }
  return error;
}

/** A DuckDB value as JSON. */
export function jsonValue(value: unknown): unknown {
  switch (typeof value) {
    case 'bigint':
      return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
        ? Number(value)
        : `${value}`;
    case 'number':
      return Number.isFinite(value) ? value : `${value}`;
    case 'object':
      return value === null ? null : jsonObject(value);
    case 'undefined':
      return null;
    default:
      return value;
  }
}

function jsonObject(value: object): unknown {
  if (Array.isArray(value)) return value.map(jsonValue);
  if ('items' in value && Array.isArray(value.items)) return value.items.map(jsonValue);
  if ('entries' in value && Array.isArray(value.entries)) {
    const entries = value.entries as { key: unknown; value: unknown }[];
    return entries.map((entry) => ({ key: jsonValue(entry.key), value: jsonValue(entry.value) }));
  }
  if ('entries' in value && typeof value.entries === 'object' && value.entries !== null) {
    return Object.fromEntries(Object.entries(value.entries).map(([key, inner]) => [key, jsonValue(inner)]));
  }
  // eslint-disable-next-line @typescript-eslint/no-base-to-string -- DuckDB's value classes print themselves.
  return String(value);
}

const bodySchema = z.object({
  sql: z.string().min(1).max(1_000_000),
  maxRows: z.number().int().min(1).optional(),
});

export function mountSql(app: FastifyInstance, deps: AdminDeps): void {
  app.post('/api/admin/sql', async (request, reply) => {
    const parsed = bodySchema.safeParse(request.body);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const field = issue?.path.join('.') || 'the body';
      throw new HttpError(
        400,
        'bad_data',
        `${field}: ${issue?.message ?? 'is not valid'}; expected {"sql": "SELECT ...", "maxRows": 1000}`,
      );
    }
    const { sql, maxRows } = parsed.data;
    const limit = deps.guard.limits.maxRows;
    if (maxRows !== undefined && maxRows > limit) {
      throw new HttpError(400, 'bad_data', `maxRows: ${maxRows} is above the limit of ${limit}`);
    }
    return await deps.guard.run('sql', clientSignal(request, reply), ({ session }) =>
      runSql(session, sql, deps.readOnlyCheck, maxRows ?? limit),
    );
  });
}
