import type { DuckDBConnection } from '@duckdb/node-api';
import { firstLine, ident, literal } from '../../duckdb/index.js';
import type { TableName } from '../../schema/index.js';
import type { Telemetry } from '../../telemetry/index.js';
import { attributeOrigins, columnName, keyPath } from '../attribute-columns/index.js';
import { BackgroundQueue, type BackgroundHost } from '../background.js';
import { attributeId, fileSql, timeColumns } from '../direct/contents.js';
import type { DirectFile } from '../direct/files.js';
import type { LiveFiles } from '../files/live-files.js';
import { isSorted } from '../maintenance/moved.js';
import type { ValuesRequest } from '../session.js';
import { valuesSource, type CountedSource, type Counts, type ValuedFile } from './source.js';
import { ValueTimes, type ValuesOfFile } from './times.js';

/** Of one file and key; with more the rows are read. */
const mostOfFile = 20_000;
/** Of all. */
const mostEntries = 300_000;
const hourNs = 3_600_000_000_000n;
const msNs = 1_000_000n;
/** A file of a commit whose last row is younger is soon compacted, and read by each question until then. */
const youngMs = 60_000;

interface Wanted {
  readonly table: TableName;
  readonly file: DirectFile;
  /** In SQL, JSON text: the file's column for the attribute, or what its JSON text has of it. */
  readonly value: string;
  /** By a window that has a part of it. */
  readonly cut: boolean;
}

/**
 * How often each value of an attribute occurs in a data file, by hour, for keys that queries ask the values of. A file is read
 * once for a key, from its column alone or, as commits write it, from the JSON text, in the background.
 */
export class AttributeValues {
  #generation = -1;
  /** By table, as the files of one are forgotten without those of others; null: too many. */
  readonly #known = new Map<TableName, Map<string, Counts | null>>();
  #entries = 0;
  readonly #queue: BackgroundQueue<Wanted, Counts | null>;
  readonly #times: ValueTimes;

  constructor(
    private readonly host: BackgroundHost,
    telemetry: Telemetry,
  ) {
    this.#times = new ValueTimes(host, telemetry);
    this.#queue = new BackgroundQueue({
      host,
      read: count,
      failed(error) {
        telemetry.log.debug({ err: firstLine(error) }, 'the values of an attribute could not be counted');
        return null;
      },
      keep: (id, counts, wanted) => {
        this.#of(wanted.table).set(id, counts);
        this.#entries += sizeOf(counts);
        // The next question may cut it too.
        if (wanted.cut && counts) this.#times.want(valuesOfFile(wanted, counts));
      },
    });
  }

  /** As `ReadSession.valuesOf` tells. */
  source(
    request: ValuesRequest,
    live: LiveFiles,
    directFile: (path: string) => DirectFile | null,
  ): CountedSource | null {
    const { table, key, from, until } = request;
    const origin = attributeOrigins.get(table) ?? '';
    const id = attributeId(origin, key);
    const inText = `json_extract(${ident(origin)}, ${literal(keyPath(key))})::VARCHAR`;
    const youngFrom = BigInt(Date.now() - youngMs) * msNs;
    this.#keep(table, live.sizes);
    const files: ValuedFile[] = [];
    for (const path of live.sizes.keys()) {
      const file = live.touched.has(path) ? null : directFile(path);
      if (file === null || file.first < 0n || file.last < from || file.first >= until) continue;
      const column = file.attributes.get(id);
      // What compaction wrote has a column, though nobody may have looked at it yet, or too few or mixed values.
      if (column === undefined && (isSorted(path) || file.last > youngFrom)) continue;
      const cut = file.first < from || file.last >= until;
      const value = column ? ident(columnName(column)) : inText;
      const wanted = { table, file, value, cut };
      const counts = this.#get(wanted);
      const within = cut && counts ? this.#times.counts(valuesOfFile(wanted, counts), from, until) : null;
      if (column ?? counts) files.push({ file, column: column ?? null, cut, counts, within });
    }
    return valuesSource(request, files, live, directFile);
  }

  /** Resolves when every file that was asked for is known. */
  async settled(): Promise<void> {
    await this.#queue.settled();
    await this.#times.settled();
  }

  async close(): Promise<void> {
    await this.#queue.close();
    await this.#times.close();
  }

  #get(wanted: Wanted): Counts | null {
    if (this.#generation !== this.host.generation) {
      this.#known.clear();
      this.#entries = 0;
      this.#generation = this.host.generation;
    }
    const id = idOf(wanted);
    const known = this.#of(wanted.table).get(id);
    if (known !== undefined) return known;
    if (this.#entries < mostEntries) this.#queue.add(id, wanted);
    return null;
  }

  #of(table: TableName): Map<string, Counts | null> {
    let known = this.#known.get(table);
    if (!known) this.#known.set(table, (known = new Map<string, Counts | null>()));
    return known;
  }

  /** Forgets files that are gone once they are most of what is kept. */
  #keep(table: TableName, live: ReadonlyMap<string, unknown>): void {
    const known = this.#of(table);
    const paths = new Set([...known.keys()].map(pathOf));
    if (paths.size <= 2 * live.size + 20) return;
    for (const [id, counts] of known) {
      if (live.has(pathOf(id))) continue;
      known.delete(id);
      this.#entries -= sizeOf(counts);
    }
  }
}

function idOf({ file, value }: Wanted): string {
  return `${file.path}\0${value}`;
}

function pathOf(id: string): string {
  return id.slice(0, id.indexOf('\0'));
}

function sizeOf(counts: Counts | null): number {
  return [...(counts?.values() ?? [])].reduce((sum, { size }) => sum + size, 1);
}

function valuesOfFile({ table, file, value }: Wanted, counts: Counts): ValuesOfFile {
  const values = new Set<string>();
  let rows = 0;
  for (const hour of counts.values()) {
    for (const [text, n] of hour) {
      values.add(text);
      rows += n;
    }
  }
  return { table, file, value, values: [...values], rows };
}

async function count(connection: DuckDBConnection, { table, file, value }: Wanted): Promise<Counts | null> {
  const time = ident(timeColumns.get(table) ?? '');
  const found = await connection.runAndReadAll(
    `SELECT hour, value, count(*)::DOUBLE FROM (SELECT ${time} // ${hourNs} AS hour, ${value} AS value FROM ${fileSql(file.path)})
     WHERE value IS NOT NULL GROUP BY ALL LIMIT ${mostOfFile + 1}`,
  );
  const rows = found.getRows() as [bigint, string, number][];
  if (rows.length > mostOfFile) return null;
  const counts = new Map<bigint, Map<string, number>>();
  for (const [hour, text, n] of rows) {
    const values = counts.get(hour) ?? new Map<string, number>();
    if (values.size === 0) counts.set(hour, values);
    values.set(text, n);
  }
  return counts;
}
