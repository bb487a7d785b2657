import type { DuckDBConnection, DuckDBResult } from '@duckdb/node-api';
import { ident, literal } from '../../duckdb/index.js';
import { layoutOf, seriesIdentity, type MetadataKind } from '../metadata/layout.js';
import { seenTable, setsTable } from '../metadata/store.js';
import { rawChunk } from '../raw-chunk.js';
import { sortedRuns, type RowChunk } from './sorted-runs.js';
import type { SharedUnit } from './unit.js';

/** A metric in a data file that the metadata cache keeps. */
export interface UnitFile {
  readonly kind: MetadataKind;
  readonly file: number;
  readonly path: string;
  /** Nanoseconds since the epoch, of its first row. */
  readonly first: bigint;
}

const deltaTemporality = 1;
const stale = '(coalesce(flags, 0) & 1) = 1';

/**
 * Reads the samples of one metric from one file. Null for what is not kept so: increments (delta temporality), whose
 * microseconds count, more than `maxSamples`, and label sets that can't be told apart by their hash.
 */
export async function loadUnit(
  connection: DuckDBConnection,
  { kind, file, path, first }: UnitFile,
  name: string,
  maxSamples: number,
): Promise<SharedUnit | null> {
  const base = Number(first / 1_000_000n);
  const identity = seriesIdentity(kind);
  const sets =
    `(SELECT * FROM ${setsTable(kind)} WHERE prometheus_name = ${literal(name)} ` +
    `AND id IN (SELECT id FROM ${seenTable(kind)} WHERE file = ${file}))`;
  const temporality = identity.includes('aggregation_temporality')
    ? `coalesce(bool_or(aggregation_temporality = ${deltaTemporality}), false)`
    : 'false';
  const differs = identity.map(
    (column) => `min(${column}) IS DISTINCT FROM max(${column}) OR count(${column}) NOT IN (0, count(*))`,
  );
  const [about = []] = await rows(
    connection,
    `SELECT ${temporality}, (SELECT sum(records)::DOUBLE FROM ${seenTable(kind)}
       WHERE file = ${file} AND id IN (SELECT id FROM ${sets})), ${differs.join(', ')} FROM ${sets}`,
  );
  const [delta, samples, ...different] = about as [boolean, number | null, ...boolean[]];
  if (delta || (samples ?? 0) > maxSamples || base < 0) return null;
  const columns = identity.filter((_, i) => different[i] === true).map(ident);
  const hash = columns.length === 0 ? '0::UBIGINT' : `hash(${columns.join(', ')})`;
  try {
    await connection.run(
      `CREATE OR REPLACE TEMP TABLE sample_runs AS
       SELECT h, min(id) AS set, (row_number() OVER (ORDER BY min(id)) - 1)::INTEGER AS run
       FROM (SELECT ${hash} AS h, id FROM ${sets}) GROUP BY h`,
    );
    const distinct =
      columns.length === 0
        ? '1'
        : `(SELECT count(*) FROM (SELECT DISTINCT ${columns.join(', ')} FROM ${sets}))`;
    const [[unique] = []] = await rows(connection, `SELECT ${distinct} = count(*) FROM temp.sample_runs`);
    if (unique !== true && columns.length > 0) return null;
    const numbers = (await rows(connection, 'SELECT set FROM temp.sample_runs ORDER BY run')).map(
      ([set]) => set as number,
    );
    const result = await connection.stream(
      `SELECT run, ((epoch_us(timestamp) - ${base}000) // 1000)::UINTEGER, CASE WHEN ${stale} THEN NULL ELSE value END
       FROM (SELECT ${hash} AS h, timestamp, value, flags FROM lake.main.${layoutOf(kind).table}
             WHERE filename = ${literal(path)} AND prometheus_name = ${literal(name)}
               AND timestamp IS NOT NULL AND (value IS NOT NULL OR ${stale}))
       JOIN temp.sample_runs USING (h) ORDER BY run, timestamp`,
    );
    return await sortedRuns(await chunksOf(result, maxSamples), numbers, base);
  } finally {
    await connection.run('DROP TABLE IF EXISTS temp.sample_runs').catch(() => undefined);
  }
}

async function chunksOf(result: DuckDBResult, maxSamples: number): Promise<RowChunk[]> {
  const types = result.columnTypes();
  const chunks: RowChunk[] = [];
  let samples = 0;
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) return chunks;
    const { columns, buffer, rowCount } = rawChunk(chunk, types);
    samples += rowCount;
    if (samples > maxSamples) throw new Error('more rows than the metadata tell');
    const [run, time, value] = columns;
    if (!run || !time || !value) throw new Error('three columns were asked for');
    chunks.push({
      runs: new Int32Array(buffer, run.data, rowCount),
      times: new Uint32Array(buffer, time.data, rowCount),
      values: new Float64Array(buffer, value.data, rowCount),
      valid: value.validity < 0 ? null : new Uint8Array(buffer, value.validity, Math.ceil(rowCount / 8)),
    });
  }
}

async function rows(connection: DuckDBConnection, sql: string): Promise<unknown[][]> {
  return (await connection.runAndReadAll(sql)).getRows();
}
