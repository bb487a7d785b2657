import type { DuckDBConnection } from '@duckdb/node-api';
import { openDatabase } from '../duckdb/index.js';
import type { BatchTableFunction } from './table-function.js';

/**
 * A DuckDB of its own that turns batches into Parquet files. It has one thread: a chunk is filled by the event
 * loop, and in an instance of several threads those without work spin while they wait for it, which costs as
 * much CPU as the writing.
 */
export class ParquetWriter {
  private constructor(
    readonly connection: DuckDBConnection,
    private readonly shut: () => void,
  ) {}

  static async open(tableFunction: BatchTableFunction, memoryLimitBytes: number): Promise<ParquetWriter> {
    const database = await openDatabase({
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      memory_limit: `${memoryLimitBytes}B`,
      threads: '1',
      // One thread keeps the order all the same; row groups can be bounded in bytes only so.
      preserve_insertion_order: 'false',
    });
    try {
      const { connection, handle } = await database.connect();
      tableFunction.register(handle);
      return new ParquetWriter(connection, () => database.instance.closeSync());
    } catch (error) {
      database.instance.closeSync();
      throw error;
    }
  }

  close(): void {
    this.connection.closeSync();
    this.shut();
  }
}
