import { ident, literal } from '../../duckdb/index.js';
import { tables } from '../../schema/index.js';
import type { RetentionResult } from '../types.js';
import type { TaskRun } from './task.js';

type TableResult = RetentionResult['tables'][number];

/** Midnight UTC `days` days before the current day: everything before it is too old. */
export function retentionCutoff(nowMs: number, days: number): Date {
  const dayMs = 86_400_000;
  return new Date((Math.floor(nowMs / dayMs) - days) * dayMs);
}

/**
 * Deletes (or, dry, counts) all rows before `cutoff`, a midnight UTC. Files hold one day each, so they go as a
 * whole; one file is deleted at a time, because commits to the table wait meanwhile.
 */
export async function retention(task: TaskRun, cutoff: Date, dryRun: boolean): Promise<TableResult[]> {
  const results: TableResult[] = [];
  const day = `TIMESTAMP '${cutoff.toISOString().slice(0, 10)}'`;
  for (const { name } of tables) {
    const table = `lake.main.${ident(name)}`;
    const [counted] = await task.rows(`SELECT count(*) FROM ${table} WHERE timestamp < ${day}`);
    const rows = Number(counted?.[0]);
    const files = rows === 0 ? [] : await filesBefore(task, name, cutoff);
    if (!dryRun && rows > 0) {
      for (const file of files) {
        await task.exclusive((connection) =>
          connection.run(
            `DELETE FROM ${table} WHERE filename = ${literal(file.path)} AND timestamp < ${day}`,
          ),
        );
      }
      // What is still in the catalog, or came meanwhile.
      await task.exclusive((connection) => connection.run(`DELETE FROM ${table} WHERE timestamp < ${day}`));
    }
    results.push({
      table: name,
      rows,
      files: files.length,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    });
  }
  if (!dryRun) {
    const date = `DATE '${cutoff.toISOString().slice(0, 10)}'`;
    await task.run(`DELETE FROM lake.main.metadata_summary WHERE day < ${date}`);
  }
  return results;
}

async function filesBefore(
  task: TaskRun,
  table: string,
  cutoff: Date,
): Promise<{ path: string; bytes: number }[]> {
  const part = (key: string) => `nullif(regexp_extract(data_file, '/${key}=(\\d+)/', 1), '')::INTEGER`;
  const rows = await task.rows(
    `SELECT data_file, data_file_size_bytes
     FROM ducklake_list_files('lake', ${literal(table)}, schema => 'main')
     WHERE make_date(${part('year')}, ${part('month')}, ${part('day')}) < DATE '${cutoff.toISOString().slice(0, 10)}'
     ORDER BY data_file`,
  );
  return rows.map(([path, bytes]) => ({ path: String(path), bytes: Number(bytes) }));
}
