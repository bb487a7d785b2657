import type { DuckDBConnection } from '@duckdb/node-api';
import { withInliningLimit } from '../inlining.js';

/**
 * Runs deletions of all rows of files so that the files leave the table whole. DuckLake would inline the deletion of a
 * small file's rows: the file stayed listed, all its rows deleted, and the next flush of these deletions would collide
 * with every commit to the table.
 */
export function droppingFiles<T>(connection: DuckDBConnection, work: () => Promise<T>): Promise<T> {
  return withInliningLimit(connection, 0, work);
}
