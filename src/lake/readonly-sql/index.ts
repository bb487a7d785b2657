import { firstLine, literal } from '../../duckdb/index.js';
import { QueryError } from '../query-error.js';
import type { ReadSession, SqlValue } from '../session.js';
import { checkText } from './text.js';
import { checkTree } from './tree.js';

export interface SqlResult {
  readonly columns: readonly { name: string; type: string }[];
  /** Row-major, ready for JSON: integers beyond 2^53 and all temporal, decimal and binary values as strings. */
  readonly rows: readonly (readonly unknown[])[];
  /** True when the statement gives more rows than are here: `maxRows`, or the bound of the result's size. */
  readonly truncated: boolean;
}

/** Characters of text (and 8 for each other value) that one result may hold. */
const maxResultSize = 64 * 1024 * 1024;

/**
 * Runs one read-only statement written by a person: SELECT (also WITH, FROM, VALUES, DESCRIBE, SHOW,
 * SUMMARIZE) or EXPLAIN of one. DuckDB itself parses it; tables that are not the lake's, every function that reads files
 * or has effects, and what costs more than `sqlLimits` allow are refused, because a SELECT may name and call all of
 * those (a read-only transaction does not hold DuckLake's functions back). Throws QueryError 'bad_data' for anything else. Stops after `maxRows` rows and says so.
 */
export async function readOnlySql(
  session: ReadSession,
  text: string,
  options: { params?: readonly SqlValue[]; maxRows?: number } = {},
): Promise<SqlResult> {
  const maxRows = options.maxRows ?? 10_000;
  const params = options.params ?? [];
  const statement = text.trim().replace(/;+\s*$/, '');
  const explain = /^explain\s+(?:analyze\s+)?/i.exec(statement);
  const select = explain ? statement.slice(explain[0].length) : statement;
  await refuseUnsafe(session, select);
  try {
    await session.rows('BEGIN TRANSACTION READ ONLY');
    try {
      const columns = explain
        ? [
            { name: 'explain_key', type: 'VARCHAR' },
            { name: 'explain_value', type: 'VARCHAR' },
          ]
        : await describe(session, select, params);
      const rows: unknown[][] = [];
      let size = 0;
      for await (const chunk of session.stream(statement, params)) {
        for (let r = 0; r < chunk.rowCount; r++) {
          if (rows.length >= maxRows || size > maxResultSize) return { columns, rows, truncated: true };
          const row = chunk.columns.map((column) => jsonValue(column[r]));
          for (const value of row) size += typeof value === 'string' ? value.length : 8;
          rows.push(row);
        }
      }
      return { columns, rows, truncated: false };
    } finally {
      await session.rows('ROLLBACK').catch(() => undefined);
    }
  } catch (error) {
    // It is the person's own SQL, so DuckDB's words about it help.
    const message = firstLine(error);
    if (
      /^(Parser|Binder|Catalog|Conversion|Invalid Input|Out of Range|Not implemented|Permission) Error/i.test(
        message,
      )
    ) {
      throw new QueryError('bad_data', message);
    }
    throw error;
  }
}

async function describe(
  session: ReadSession,
  select: string,
  params: readonly SqlValue[],
): Promise<{ name: string; type: string }[]> {
  // DESCRIBE, SHOW and SUMMARIZE are themselves a FROM clause, which a parenthesised subquery also accepts.
  const rows = await session.rows(`DESCRIBE SELECT * FROM (${select}\n)`, params);
  return rows.map((row) => ({ name: String(row['column_name']), type: String(row['column_type']) }));
}

interface ParsedSql {
  readonly error: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
  readonly statements?: readonly { node: unknown }[];
}

async function refuseUnsafe(session: ReadSession, select: string): Promise<void> {
  checkText(select);
  const [row] = await session.rows(`SELECT json_serialize_sql(${literal(select)}) AS parsed`);
  const parsed = JSON.parse(String(row?.['parsed'])) as ParsedSql;
  if (parsed.error) {
    throw new QueryError(
      'bad_data',
      parsed.error_type === 'parser'
        ? `syntax error: ${parsed.error_message ?? ''}`
        : 'only a SELECT, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN of a SELECT is allowed',
    );
  }
  if (parsed.statements?.length !== 1) throw new QueryError('bad_data', 'one statement at a time is allowed');
  checkTree(parsed.statements[0]?.node);
}

function jsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
      ? Number(value)
      : value.toString();
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(jsonValue);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  const { items, entries } = value as { items?: unknown; entries?: unknown };
  if (Array.isArray(items)) return items.map(jsonValue);
  if (Array.isArray(entries)) {
    if (entries.every((entry) => Array.isArray(entry))) return entries.map(jsonValue);
    return (entries as { key: unknown; value: unknown }[]).map((e) => [jsonValue(e.key), jsonValue(e.value)]);
  }
  if (typeof entries === 'object' && entries !== null) {
    return Object.fromEntries(Object.entries(entries).map(([key, child]) => [key, jsonValue(child)]));
  }
  const bytes = (value as { bytes?: unknown }).bytes;
  if (bytes instanceof Uint8Array) return Buffer.from(bytes).toString('base64');
  // eslint-disable-next-line @typescript-eslint/no-base-to-string -- DuckDB's value classes print themselves.
  return String(value);
}
