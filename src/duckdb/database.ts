import duckdb from '@duckdb/node-bindings';
import { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

/** One DuckDB database with both faces: the promise API, and the handles that chunk-level calls need. */
export interface RawDatabase {
  readonly instance: DuckDBInstance;
  /** A connection and its handle; `table-function.ts` registers its table function through the handle. */
  connect(): Promise<{ connection: DuckDBConnection; handle: duckdb.Connection }>;
}

/** Opens a DuckDB, by default in memory. `settings` are applied before anything runs. */
export async function openDatabase(
  settings: Readonly<Record<string, string>>,
  path = ':memory:',
): Promise<RawDatabase> {
  const config = duckdb.create_config();
  for (const [name, value] of Object.entries(settings)) duckdb.set_config(config, name, value);
  const database = await duckdb.open(path, config);
  return {
    instance: new DuckDBInstance(database),
    async connect() {
      const handle = await duckdb.connect(database);
      return { connection: new DuckDBConnection(handle), handle };
    },
  };
}
