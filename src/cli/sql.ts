import { text as readText } from 'node:stream/consumers';
import type { Config } from '../config/index.js';
import { effective } from '../config/index.js';
import type { SqlResult } from '../lake/index.js';
import { askAdmin } from './client.js';
import { CommandError } from './errors.js';
import { formatCsv, formatTable, type TableColumn } from './table.js';

type SqlFormat = 'table' | 'csv' | 'json';

export interface SqlOptions {
  readonly format: SqlFormat;
  readonly maxRows?: number;
  /** Text columns of the terminal; undefined when the output is none. */
  readonly width?: number;
}

function cell(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value);
}

const numeric = /^(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL.*)$/;

export function formatSqlResult(result: SqlResult, options: SqlOptions): string {
  const { columns, rows } = result;
  if (options.format === 'json') {
    const objects = rows.map((row) => Object.fromEntries(columns.map(({ name }, c) => [name, row[c]])));
    return `${JSON.stringify(objects, null, 2)}\n`;
  }
  if (options.format === 'csv') {
    return formatCsv(
      columns.map(({ name }) => name),
      rows.map((row) => row.map((value) => (value === null ? null : cell(value)))),
    );
  }
  const head = columns.map(({ name, type }): TableColumn => ({
    name,
    align: numeric.test(type) ? 'right' : 'left',
  }));
  const body = rows.map((row) => row.map((value) => (value === null ? 'NULL' : cell(value))));
  const count = `(${rows.length} ${rows.length === 1 ? 'row' : 'rows'}${result.truncated ? ', more were cut off' : ''})`;
  return `${formatTable(head, body, options.width)}${count}\n`;
}

/** The statement itself, or all of standard input when it is `-`. */
export async function statementText(given: string, stdin: NodeJS.ReadableStream): Promise<string> {
  const text = given === '-' ? await readText(stdin) : given;
  if (text.trim() === '') throw new CommandError('the SQL text is empty', 2);
  return text;
}

/** Runs read-only SQL through the running server, or on the lake itself when no server answers. */
export async function querySql(config: Config, text: string, maxRows?: number): Promise<SqlResult> {
  const body = { sql: text, ...(maxRows === undefined ? {} : { maxRows }) };
  const answer = await askAdmin(config, 'sql', { body, timeoutMs: config.queryTimeoutMs + 5000 });
  return (answer as SqlResult | null) ?? queryLake(config, text, maxRows);
}

/** Opens the lake read-only; loaded late, as DuckDB is not needed while a server answers. */
async function queryLake(config: Config, text: string, maxRows?: number): Promise<SqlResult> {
  const { openReadOnly } = await import('./read-only.js');
  const lake = await openReadOnly(effective(config));
  try {
    return await lake.sql(text, Math.min(maxRows ?? config.queryMaxRows, config.queryMaxRows));
  } finally {
    await lake.close();
  }
}
