import type { DuckDBConnection } from '@duckdb/node-api';
import { firstLine, ident } from '../../duckdb/index.js';
import type { TableName } from '../../schema/index.js';
import type { Telemetry } from '../../telemetry/index.js';
import { BackgroundQueue, type BackgroundHost } from '../background.js';
import { fileSql, timeColumns } from '../direct/contents.js';
import type { DirectFile } from '../direct/files.js';
import { HeldTimes } from '../line-times/held.js';
import { fillTimes, numbered } from '../line-times/load.js';
import { linesUntil, timesOf, TimesBuilder, type SharedTimes } from '../line-times/unit.js';

/** Of all files and attributes together. */
const mostBytes = 32 * 1024 * 1024;
const mostUnits = 5000;
/** Rows of a file with the attribute, and how many different values they have. */
const mostRows = 2_000_000;
const mostValues = 2000;
/** Of these values together. */
const mostValueChars = 500_000;
const msNs = 1_000_000n;

export interface ValuesOfFile {
  readonly table: TableName;
  readonly file: DirectFile;
  /** In SQL, as the file has it. */
  readonly value: string;
  /** Each value once, and how many rows have one. */
  readonly values: readonly string[];
  readonly rows: number;
}

/**
 * When the rows of a file have each value of an attribute, for files that windows cut: those at the ends of windows that are asked for
 * again and again. A file is read for it once, in the background.
 */
export class ValueTimes {
  #generation = -1;
  readonly #held: HeldTimes;
  readonly #queue: BackgroundQueue<ValuesOfFile, SharedTimes | null>;

  constructor(
    private readonly host: BackgroundHost,
    telemetry: Telemetry,
  ) {
    this.#held = new HeldTimes({ bytes: mostBytes, units: mostUnits }, telemetry, {
      name: 'canardstack_value_times_bytes',
      help: 'Times of spans by the value of an attribute that are kept in memory.',
    });
    this.#queue = new BackgroundQueue({
      host,
      read: load,
      failed(error) {
        telemetry.log.debug(
          { err: firstLine(error) },
          'the times of the values of an attribute could not be read',
        );
        return null;
      },
      keep: (id, unit) => this.#held.put(id, unit),
    });
  }

  /**
   * How many rows of the window have each value, of those that the window holds some of. Null where it is not known, which it may be later.
   * Nanoseconds since the epoch, `from` included, `until` not.
   */
  counts(of: ValuesOfFile, from: bigint, until: bigint): ReadonlyMap<string, number> | null {
    // Within a millisecond only the rows tell.
    if (from % msNs !== 0n || until % msNs !== 0n) return null;
    const unit = this.want(of);
    if (unit === null) return null;
    const times = timesOf(unit);
    const after = (time: bigint) => {
      const ms = time / msNs - BigInt(times.base) - 1n;
      return ms > times.last ? times.last : Number(ms);
    };
    const [before, last] = [after(from), after(until)];
    const counts = new Map<string, number>();
    for (const [g, value] of times.valueOf.entries()) {
      const n = linesUntil(times, g, last) - linesUntil(times, g, before);
      if (n > 0) counts.set(unit.values[value] as string, n);
    }
    return counts;
  }

  /** What is kept of it; it is read where nothing is. */
  want(of: ValuesOfFile): SharedTimes | null {
    this.#renew();
    const chars = of.values.reduce((sum, { length }) => sum + length, 0);
    if (of.rows === 0 || of.rows > mostRows || of.values.length > mostValues || chars > mostValueChars)
      return null;
    const id = `${of.file.path}\0${of.value}`;
    const held = this.#held.get(id);
    if (held?.unit) this.#held.used(held);
    else if (held === undefined && this.#held.makeRoom(1)) this.#queue.add(id, of);
    return held?.unit ?? null;
  }

  /** Resolves when every file that was asked for is read. */
  async settled(): Promise<void> {
    await this.#queue.settled();
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }

  #renew(): void {
    if (this.#generation === this.host.generation) return;
    this.#held.clear();
    this.#generation = this.host.generation;
  }
}

async function load(
  connection: DuckDBConnection,
  { table, file, value, values, rows }: ValuesOfFile,
): Promise<SharedTimes | null> {
  const base = file.first / msNs;
  if (file.last / msNs - base >= 2n ** 32n - 1n) return null;
  const builder = new TimesBuilder(Number(base), rows);
  const time = ident(timeColumns.get(table) ?? '');
  // Rounded down: a window has its first moment and not its last.
  await fillTimes(
    connection,
    builder,
    `SELECT 0::INTEGER, v.number::INTEGER AS value, (r.${time} // ${msNs} - ${base})::UINTEGER AS time
     FROM (SELECT ${time}, ${value} AS value FROM ${fileSql(file.path)}) r JOIN ${numbered(values)} v ON r.value = v.value ORDER BY ALL`,
  );
  return builder.built(values);
}
