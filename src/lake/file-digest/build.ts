import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { literal } from '../../duckdb/index.js';
import type { TableName } from '../../schema/index.js';
import { factsMadeBy, fileSql, mixedColumns, timeColumns } from '../direct/contents.js';
import { traceIdsOf } from '../direct/trace-ids.js';
import { kindsOf, type MetadataKind } from '../metadata/layout.js';
import { madeBy, stageSql } from '../metadata/stage.js';
import { encodeDigest, traceIds, type Section } from './format.js';

export interface FileToDigest {
  readonly table: TableName;
  /** Of this machine. */
  readonly path: string;
  /** A folder that nothing else uses; it may not be there yet. */
  readonly scratch: string;
  /** Else only what is not read of each row: of times, and columns. Those who ask read the rest. */
  readonly whole: boolean;
}

/** A file with more label sets or keys, each hour counted, is read by those who ask. */
const mostEntries = 200_000;
const mostTraces = 2_000_000;

/** What is asked of a data file before its rows are. Null for more than is worth keeping. */
export async function buildDigest(connection: DuckDBConnection, file: FileToDigest): Promise<Buffer | null> {
  const { table, path } = file;
  const run = async (sql: string) => (await connection.runAndReadAll(sql)).getRows();
  const columns = (await run(`DESCRIBE FROM ${fileSql(path)}`)).map(([name]) => String(name));
  const time = timeColumns.get(table) ?? 'NULL::BIGINT';
  const [[rows, timed, first, last] = []] = await run(
    `SELECT count(*)::DOUBLE, count(${time})::DOUBLE, min(${time})::VARCHAR, max(${time})::VARCHAR FROM ${fileSql(path)}`,
  );
  const sections: Section[] = [];
  for (const kind of file.whole ? kindsOf(table) : []) {
    const section = await sectionOf(connection, file, kind);
    if (section !== null) sections.push(section);
  }
  if (file.whole && table === 'spans') {
    const ids = await traceIdsOf(connection, path);
    if (ids.length <= mostTraces) {
      sections.push({ ...traceIds, entries: ids.length, content: Buffer.from(ids.buffer) });
    }
  }
  return encodeDigest({
    madeBy: factsMadeBy,
    rows: Number(rows),
    times: Number(rows) > 0 && rows === timed ? [String(first), String(last)] : null,
    columns,
    mixed: [...(await mixedColumns(run, path, columns))],
    sections: new Map(sections.map((section) => [section.name, section])),
  });
}

/** As Parquet, which has all types and is read at once for many files. */
async function sectionOf(
  connection: DuckDBConnection,
  { path, scratch }: FileToDigest,
  kind: MetadataKind,
): Promise<Section | null> {
  await mkdir(scratch, { recursive: true });
  const output = join(scratch, `${randomUUID()}.parquet`);
  try {
    const copied = await connection.run(
      `COPY (${stageSql(kind, 'TRUE', fileSql(path))}) TO ${literal(output)} (FORMAT parquet, COMPRESSION zstd)`,
    );
    const entries = copied.rowsChanged;
    if (entries > mostEntries) return null;
    return { name: kind, madeBy: madeBy(kind), entries, content: await readFile(output) };
  } finally {
    await rm(output, { force: true });
  }
}
