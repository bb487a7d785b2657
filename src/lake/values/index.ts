import type { DuckDBConnection } from '@duckdb/node-api';
import { firstLine, ident, literal } from '../../duckdb/index.js';
import type { TableName } from '../../schema/index.js';
import type { Telemetry } from '../../telemetry/index.js';
import { attributeOrigins, columnName, type AttributeColumn } from '../attribute-columns/index.js';
import { inBackground, type BackgroundHost } from '../background.js';
import { attributeId, timeColumns, type DirectFile } from '../direct/files.js';
import { valuesSql, type CountedFile } from './source.js';
import type { LiveFiles } from '../files/live-files.js';
import type { ValuesRequest } from '../session.js';

/** Of one file and key; with more the rows are read. */
const mostOfFile = 20_000;
/** Of all. */
const mostEntries = 300_000;
const hourNs = 3_600_000_000_000n;

/** Records by hour since the epoch and value. */
type Counts = ReadonlyMap<bigint, ReadonlyMap<string, number>>;

interface Wanted {
  readonly path: string;
  readonly table: TableName;
  readonly column: AttributeColumn;
}

/**
 * How often each value of an attribute occurs in a data file, by hour, for keys that queries ask the values of. A file is read
 * once for a key, from its column alone, in the background.
 */
export class AttributeValues {
  #generation = -1;
  /** Null: too many. */
  readonly #known = new Map<string, Counts | null>();
  readonly #wanted = new Map<string, Wanted>();
  #entries = 0;
  #working: Promise<void> | null = null;
  readonly #closing = new AbortController();

  constructor(
    private readonly host: BackgroundHost,
    private readonly telemetry: Telemetry,
  ) {}

  /** As `ReadSession.valuesOf` tells. */
  source(
    request: ValuesRequest,
    live: LiveFiles,
    directFile: (path: string) => DirectFile | null,
  ): string | null {
    const { table, key } = request;
    const id = attributeId(attributeOrigins.get(table) ?? '', key);
    this.#keep(live.sizes);
    const counted: CountedFile[] = [];
    for (const path of live.sizes.keys()) {
      const file = live.touched.has(path) ? null : directFile(path);
      if (file === null) continue;
      const column = file.attributes.get(id);
      const counts = column && this.#get({ path, table, column });
      if (counts) counted.push({ file, counts });
    }
    return valuesSql(request, counted, live, directFile);
  }

  /** Resolves when every file that was asked for is known. */
  async settled(): Promise<void> {
    while (this.#working) await this.#working;
  }

  async close(): Promise<void> {
    this.#wanted.clear();
    this.#closing.abort();
    await this.#working;
  }

  #get(wanted: Wanted): Counts | null {
    if (this.#generation !== this.host.generation) {
      this.#known.clear();
      this.#entries = 0;
      this.#generation = this.host.generation;
    }
    const id = idOf(wanted);
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    if (this.#entries < mostEntries) this.#wanted.set(id, wanted);
    this.#start();
    return null;
  }

  /** Forgets files that are gone once they are most of what is kept. */
  #keep(live: ReadonlyMap<string, unknown>): void {
    const paths = new Set([...this.#known.keys()].map(pathOf));
    if (paths.size <= 2 * live.size + 20) return;
    for (const [id, counts] of this.#known) {
      if (live.has(pathOf(id))) continue;
      this.#known.delete(id);
      this.#entries -= sizeOf(counts);
    }
  }

  #start(): void {
    if (this.#working || this.#wanted.size === 0 || this.#closing.signal.aborted) return;
    this.#working = this.#work()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => (this.#working = null));
  }

  #failed(error: unknown): void {
    this.telemetry.log.debug({ err: firstLine(error) }, 'the values of an attribute could not be counted');
  }

  #work(): Promise<void> {
    const { generation } = this.host;
    return inBackground(
      this.host,
      this.#closing.signal,
      () => {
        const [first] = this.#wanted;
        return first === undefined || generation !== this.host.generation ? null : first;
      },
      async (connection, [id, wanted]) => {
        const counts = await count(connection, wanted).catch((error: unknown) => {
          this.#failed(error);
          return null;
        });
        this.#wanted.delete(id);
        if (generation !== this.host.generation) return;
        this.#known.set(id, counts);
        this.#entries += sizeOf(counts);
      },
    );
  }
}

function idOf({ path, column }: Wanted): string {
  return `${path}\0${columnName(column)}`;
}

function pathOf(id: string): string {
  return id.slice(0, id.indexOf('\0'));
}

function sizeOf(counts: Counts | null): number {
  return [...(counts?.values() ?? [])].reduce((sum, { size }) => sum + size, 1);
}

async function count(connection: DuckDBConnection, { path, table, column }: Wanted): Promise<Counts | null> {
  const value = ident(columnName(column));
  const time = ident(timeColumns.get(table) ?? '');
  const found = await connection.runAndReadAll(
    `SELECT ${time} // ${hourNs}, ${value}, count(*)::DOUBLE FROM read_parquet(${literal(path)}, hive_partitioning => false)
     WHERE ${value} IS NOT NULL GROUP BY ALL LIMIT ${mostOfFile + 1}`,
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
