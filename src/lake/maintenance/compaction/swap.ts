import type { DuckDBConnection } from '@duckdb/node-api';
import { ident, inTransaction, literal, timestampLiteral } from '../../../duckdb/index.js';
import type { Faults } from '../../../faults/index.js';
import type { TableName } from '../../../schema/index.js';
import { droppingFiles } from '../whole-files.js';

const dayMs = 86_400_000;

/** The swap was not made, and nothing of it is in the catalog: the group is left for a later run. */
class SwapRefused extends Error {}

/** DuckDB opens the first file that statistics leave, whatever its name: one of another day may be damaged. */
function ofDay(path: string): string {
  const [, year, month, day] = /year=(\d+)\/month=(\d+)\/day=(\d+)\/[^/]*$/.exec(path) ?? [];
  if (day === undefined) return '';
  const from = Date.UTC(Number(year), Number(month) - 1, Number(day));
  return ` AND timestamp >= ${timestampLiteral(from)} AND timestamp < ${timestampLiteral(from + dayMs)}`;
}

/** Old files out, new file in. Deleting every row of a file takes it out of the table whole. Rejects with SwapRefused. */
export async function swap(
  connection: DuckDBConnection,
  table: TableName,
  paths: readonly string[],
  target: string,
  rows: number,
  faults: Faults,
  state: { commitSent: boolean },
): Promise<void> {
  const commit = () => {
    faults?.('maintenance.swap');
    state.commitSent = true;
    return connection.run('COMMIT');
  };
  await inTransaction(
    connection,
    async () => {
      const deleted = await droppingFiles(connection, () =>
        connection.run(
          `DELETE FROM lake.main.${ident(table)} WHERE filename IN (${paths.map(literal).join(', ')})${ofDay(target)}`,
        ),
      );
      // Fewer when someone deleted rows meanwhile, which the new file would bring back.
      if (deleted.rowsChanged !== rows) {
        throw new SwapRefused(`${deleted.rowsChanged} of ${rows} rows are still there`);
      }
      await connection.run(
        `CALL ducklake_add_data_files('lake', ${literal(table)}, ${literal(target)}, schema => 'main', hive_partitioning => true,
           ignore_extra_columns => true)`,
      );
    },
    commit,
  );
}
