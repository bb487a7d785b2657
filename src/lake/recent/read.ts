import { setImmediate } from 'node:timers/promises';
import { listLiteral } from '../../duckdb/index.js';
import type { MetadataKind } from '../metadata/layout.js';
import type { ResultChunk } from '../session.js';
import { numbersOf, rowsSql, setsSql } from './columns.js';
import type { LabelSets } from './label-sets.js';
import { MetricRows } from './metric-rows.js';

/** Statements of one snapshot. */
export interface Reads {
  readonly chunks: (sql: string) => Promise<readonly ResultChunk[]>;
  /** The question has ended, so that what fails tells nothing. */
  readonly stopped: () => boolean;
}

/** Rows that are in one place: a data file, or the catalog. */
export class Place {
  /** Those without a time too. */
  rows = 0;
  readonly metrics = new Map<string, MetricRows>();

  get bytes(): number {
    let bytes = 0;
    for (const rows of this.metrics.values()) bytes += rows.bytes;
    return bytes;
  }
}

const rowsInOneGo = 10_000;

/** Adds the rows of these data files to a place of each, in their order. */
export async function readFiles(
  kind: MetadataKind,
  paths: readonly string[],
  sets: LabelSets,
  reads: Reads,
): Promise<Place[]> {
  const places = paths.map(() => new Place());
  const from = `read_parquet(${listLiteral(paths)}, hive_partitioning => false)`;
  const chunks = await reads.chunks(rowsSql(kind, from, 'file_index::INTEGER'));
  await learnSets(kind, chunks, from, sets, reads);
  await add(kind, chunks, sets, (file) => places[file]);
  return places;
}

/** Adds what these are to select from to the place, all of it or nothing: nothing unless `fits` takes their number. */
export async function readRows(
  kind: MetadataKind,
  sources: readonly string[],
  sets: LabelSets,
  reads: Reads,
  place: Place,
  fits: (rows: number) => boolean,
): Promise<boolean> {
  const found: (readonly [string, readonly ResultChunk[]])[] = [];
  for (const from of sources) found.push([from, await reads.chunks(rowsSql(kind, from))]);
  const count = found.reduce(
    (sum, [, chunks]) => chunks.reduce((all, { rowCount }) => all + rowCount, sum),
    0,
  );
  if (!fits(count)) return false;
  for (const [from, chunks] of found) await learnSets(kind, chunks, from, sets, reads);
  for (const [, chunks] of found) await add(kind, chunks, sets, () => place);
  return true;
}

async function learnSets(
  kind: MetadataKind,
  chunks: readonly ResultChunk[],
  from: string,
  sets: LabelSets,
  { chunks: read }: Reads,
): Promise<void> {
  const known = chunks.every(({ columns, rowCount }) => {
    for (let row = 0; row < rowCount; row++) if (!sets.get(columns[0]?.[row] as string)) return false;
    return true;
  });
  if (known) return;
  for (const { columns, rowCount } of await read(setsSql(kind, from))) {
    for (let row = 0; row < rowCount; row++) {
      const [digest, ...cells] = columns.map((column) => column[row] ?? null);
      sets.add(digest as string, cells.map(plain));
    }
  }
}

/** Typed arrays of lists become arrays, which are written as such. */
function plain(cell: unknown): unknown {
  return ArrayBuffer.isView(cell) ? Array.from(cell as Float64Array) : cell;
}

async function add(
  kind: MetadataKind,
  chunks: readonly ResultChunk[],
  sets: LabelSets,
  placeOf: (file: number) => Place | undefined,
): Promise<void> {
  const { single, list } = numbersOf(kind);
  let done = 0;
  for (const { columns, rowCount } of chunks) {
    const [digests, micros, ended] = columns;
    const lists = list ? columns[3 + single.length] : undefined;
    const files = columns[3 + single.length + (list ? 1 : 0)];
    for (let row = 0; row < rowCount; row++) {
      const place = placeOf((files?.[row] ?? 0) as number);
      const set = sets.get(digests?.[row] as string);
      if (!place || !set) throw new Error('a row of no known label set, or of another file');
      place.rows++;
      const time = micros?.[row] as number | null;
      if (time === null) continue;
      let rows = place.metrics.get(set.name);
      if (rows === undefined) place.metrics.set(set.name, (rows = new MetricRows(single.length)));
      rows.add({
        set: set.number,
        time,
        ended: ended?.[row] === true,
        numbers: single.map((_, i) => (columns[3 + i]?.[row] ?? null) as number | null),
        list: (lists?.[row] ?? null) as ArrayLike<number | null> | null,
      });
    }
    done += rowCount;
    if (done < rowsInOneGo) continue;
    done = 0;
    await setImmediate();
  }
}
