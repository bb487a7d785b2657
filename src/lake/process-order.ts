import { badBatch } from '../duckdb/index.js';
import type { FixedColumn, StretchColumn, TableDef } from '../schema/index.js';
import type { LoadedTable } from './chunks.js';

/** Rows [from, to) of a table; `table` is its index among those of a commit. */
export interface Run {
  readonly table: number;
  readonly from: number;
  readonly to: number;
}

/** What tells processes apart, in the order of the sort. */
const processColumns = ['service_name', 'service_instance_id', 'resource_attributes'] as const;
/** With less a run, to hand it over takes more time than its rows are worth. */
const leastRows = 16;
/** So many are cheap whatever their rows. */
const fewRuns = 1024;
/** Characters of all processes: they are in memory until the commit has its rows. */
const mostTexts = 8 * 1024 * 1024;
/** Bytes: texts that are the same so far count as the same. */
const longestText = 2048;

interface Group {
  readonly texts: readonly string[];
  readonly runs: (Run & { readonly first: number })[];
}

/**
 * The rows of log records in runs, sorted by the process that they are of (columns above, as bytes, without any last) and the time of
 * each run's first row: the lines of a process lie together, and are as they came within a run. Nothing of a row is looked at but
 * that, so it costs next to nothing beside a sort. Null for other tables, where most rows differ in that from the one before, and where the processes' texts are too long together.
 * Throws TypeError for a string that is not in its batch.
 */
export function byProcess(def: TableDef, tables: readonly LoadedTable[]): Run[] | null {
  if (def.name !== 'logs') return null;
  const places = processColumns.map((name) => def.columns.findIndex((column) => column.name === name));
  const time = def.columns.findIndex(({ name }) => name === 'timestamp');
  const rows = tables.reduce((sum, { batch }) => sum + batch.rows, 0);
  const mostRuns = Math.max(fewRuns, rows / leastRows);
  const groups = new Map<string, Group>();
  let count = 0;
  let characters = 0;
  for (const [table, { batch, texts }] of tables.entries()) {
    const columns = places.map((place) => batch.columns[place]);
    if (!columns.every(isStretches)) return null;
    const readers = columns.map((column) => new StretchTexts(column, texts));
    const times = batch.columns[time] as FixedColumn;
    for (let from = 0; from < batch.rows;) {
      const to = readers.reduce((least, reader) => Math.min(least, reader.end), batch.rows);
      if (++count > mostRuns) return null;
      const all = readers.map((reader) => reader.text());
      const key = all.join('\0');
      let group = groups.get(key);
      if (!group) {
        characters += key.length;
        if (characters > mostTexts) return null;
        groups.set(key, (group = { texts: all, runs: [] }));
      }
      const last = group.runs.at(-1);
      if (last?.table === table && last.to === from) group.runs.splice(-1, 1, { ...last, to });
      else group.runs.push({ table, from, to, first: microsecondsOf(times, from) });
      for (const reader of readers) reader.pass(to);
      from = to;
    }
  }
  const sorted = [...groups.values()].sort((a, b) => compare(a.texts, b.texts));
  return sorted.flatMap(({ runs }) => runs.sort((a, b) => a.first - b.first));
}

function isStretches(column: unknown): column is StretchColumn {
  return (column as StretchColumn | undefined)?.kind === 'stretches';
}

/** What is empty comes last, as NULL does in SQL. */
function compare(a: readonly string[], b: readonly string[]): number {
  for (const [i, text] of a.entries()) {
    const other = b[i] ?? '';
    if (text === other) continue;
    if (text === '' || other === '') return text === '' ? 1 : -1;
    return text < other ? -1 : 1;
  }
  return 0;
}

/** As two halves, which avoids a bigint; a double holds them exactly until 2255. */
function microsecondsOf({ values, validity }: FixedColumn, row: number): number {
  if (validity === 'none') return 0;
  const words = new Int32Array(values.buffer, values.byteOffset + row * 8, 2);
  return (words[1] as number) * 2 ** 32 + ((words[0] as number) >>> 0);
}

/** The texts of a column of stretches, one after the other; a char a byte. */
class StretchTexts {
  readonly #arena: Buffer;
  #at = 0;
  #text: string | null = null;

  constructor(
    private readonly column: StretchColumn,
    arena: Uint8Array,
  ) {
    this.#arena = Buffer.from(arena.buffer, arena.byteOffset, arena.byteLength);
  }

  /** Row behind those of the present stretch. */
  get end(): number {
    return this.column.ends[this.#at] ?? Infinity;
  }

  text(): string {
    return (this.#text ??= this.#read());
  }

  /** All rows before `row` are done with. */
  pass(row: number): void {
    if (this.end > row) return;
    this.#at++;
    this.#text = null;
  }

  #read(): string {
    const { refs, validity } = this.column;
    if (validity === 'none') return '';
    const word = this.#at * 4;
    const length = refs[word] as number;
    if (length <= 12) {
      const inline = Buffer.from(refs.buffer, refs.byteOffset + word * 4 + 4, 12);
      return inline.toString('latin1', 0, length);
    }
    const offset = refs[word + 2] as number;
    if (offset + length > this.#arena.length)
      throw new TypeError(`${badBatch}: a string lies outside the arena`);
    return this.#arena.toString('latin1', offset, offset + Math.min(length, longestText));
  }
}
