import type { DuckDBConnection, DuckDBResult } from '@duckdb/node-api';
import { ident, literal } from '../../duckdb/index.js';
import { allCounted, explicitCounts, tableDef } from '../../schema/index.js';
import { layoutOf, seriesIdentity, type MetadataKind } from '../metadata/layout.js';
import { seenTable, setsTable } from '../metadata/store.js';
import { rawChunk } from '../raw-chunk.js';
import { listRuns, type ListChunk } from './list-runs.js';
import { sortedRuns, type RowChunk } from './sorted-runs.js';
import type { MetricPart, SamplePart, SharedUnit } from './unit.js';

/** A metric in a data file that the metadata cache keeps. */
export interface UnitFile {
  readonly kind: MetadataKind;
  readonly file: number;
  readonly path: string;
  /** Nanoseconds since the epoch, of its first row. */
  readonly first: bigint;
}

/** Of parts with a list of values: the column of what these are for, of the values, and of the value behind the last of them. */
const listed = new Map<SamplePart, { bounds: string; values: string; total: string }>([
  ['bucket', { bounds: 'explicit_bounds', values: explicitCounts, total: allCounted }],
  ['quantile', { bounds: 'quantiles', values: 'quantile_values', total: '0::DOUBLE' }],
]);

const deltaTemporality = 1;
const stale = '(coalesce(flags, 0) & 1) = 1';

/**
 * Reads the samples of one metric from one file. Null for what is not kept so: increments (delta temporality), whose
 * microseconds count, more than `maxSamples`, label sets that can't be told apart by their hash, and files that the table does not have
 * any more.
 */
export async function loadUnit(
  connection: DuckDBConnection,
  { kind, file, path, first }: UnitFile,
  { name, part }: MetricPart,
  maxSamples: number,
): Promise<SharedUnit | null> {
  const base = Number(first / 1_000_000n);
  const identity = seriesIdentity(kind);
  const { table } = layoutOf(kind);
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
  const list = listed.get(part);
  const columns = identity.filter((_, i) => different[i] === true).map(ident);
  const hash = columns.length === 0 ? '0::UBIGINT' : `hash(${columns.join(', ')})`;
  try {
    await connection.run(
      `CREATE OR REPLACE TEMP TABLE sample_runs AS
       SELECT h, min(id) AS set, (row_number() OVER (ORDER BY min(id)) - 1)::INTEGER AS run, min(width) AS width
       FROM (SELECT ${hash} AS h, id, ${list ? `coalesce(len(${list.bounds}), 0)::INTEGER` : '1'} AS width FROM ${sets}) GROUP BY h`,
    );
    const distinct =
      columns.length === 0
        ? '1'
        : `(SELECT count(*) FROM (SELECT DISTINCT ${columns.join(', ')} FROM ${sets}))`;
    const [[unique] = []] = await rows(connection, `SELECT ${distinct} = count(*) FROM temp.sample_runs`);
    if (unique !== true && columns.length > 0) return null;
    const runs = (await rows(connection, 'SELECT set, width FROM temp.sample_runs ORDER BY run')) as [
      number,
      number,
    ][];
    const numbers = runs.map(([set]) => set);
    const { columns: all } = tableDef(table);
    const counted = all.some((column) => column.name === 'float_counts') ? allCounted : 'count::DOUBLE';
    const column = part === 'count' ? counted : part;
    const present = list || part === 'count' ? 'TRUE' : `${column} IS NOT NULL OR ${stale}`;
    const more = list ? `, ${list.values} AS list` : '';
    const result = await connection.stream(
      `SELECT run, ((epoch_us(timestamp) - ${base}000) // 1000)::UINTEGER, CASE WHEN ${stale} THEN NULL ELSE number END${list ? ', list' : ''}
       FROM (SELECT ${hash} AS h, timestamp, ${list?.total ?? column} AS number, flags${more} FROM lake.main.${table}
             WHERE filename = ${literal(path)} AND prometheus_name = ${literal(name)}
               AND timestamp IS NOT NULL AND (${present}))
       JOIN temp.sample_runs USING (h) ORDER BY run, timestamp`,
    );
    if (!list) {
      const chunks = await chunksOf(result, maxSamples);
      return isMissed(chunks, samples) ? null : await sortedRuns(chunks, numbers, base);
    }
    // Behind the last bound of a histogram's buckets is one more.
    const widths = runs.map(([, width]) => (part === 'bucket' ? width + 1 : width));
    const cells = runs.reduce((most, _, i) => Math.max(most, widths[i] ?? 0), 1);
    const chunks = await listChunksOf(result, maxSamples / cells);
    if (isMissed(chunks, samples)) return null;
    return await listRuns(chunks, { numbers, widths }, part === 'bucket' ? 'cumulative' : 'plain', base);
  } finally {
    await connection.run('DROP TABLE IF EXISTS temp.sample_runs').catch(() => undefined);
  }
}

/** No rows where the metadata tell of some: the table may not have the file any more. */
function isMissed(chunks: readonly unknown[], samples: number | null): boolean {
  return chunks.length === 0 && samples !== null && samples > 0;
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

async function listChunksOf(result: DuckDBResult, maxRows: number): Promise<ListChunk[]> {
  const types = result.columnTypes();
  const chunks: ListChunk[] = [];
  let count = 0;
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) return chunks;
    const { columns, buffer, rowCount } = rawChunk(chunk, types);
    count += rowCount;
    if (count > maxRows) throw new Error('more values than may be kept at once');
    const [set, time, total, list] = columns;
    if (!set || !time || !total || !list) throw new Error('four columns were asked for');
    const places = new DataView(buffer, list.data, rowCount * 16);
    const bits = list.validity < 0 ? null : new Uint8Array(buffer, list.validity, Math.ceil(rowCount / 8));
    const { child } = list;
    chunks.push({
      sets: new Int32Array(buffer, set.data, rowCount),
      times: new Uint32Array(buffer, time.data, rowCount),
      totals: new Float64Array(buffer, total.data, rowCount),
      valid: total.validity < 0 ? null : new Uint8Array(buffer, total.validity, Math.ceil(rowCount / 8)),
      lists: Array.from({ length: rowCount }, (_, i) => ({
        from: places.getUint32(i * 16, true),
        length:
          bits !== null && ((bits[i >> 3] ?? 0) & (1 << (i & 7))) === 0
            ? 0
            : places.getUint32(i * 16 + 8, true),
      })),
      values: child && child.count > 0 ? new Float64Array(buffer, child.data, child.count) : [],
    });
  }
}

async function rows(connection: DuckDBConnection, sql: string): Promise<unknown[][]> {
  return (await connection.runAndReadAll(sql)).getRows();
}
