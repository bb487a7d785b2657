import type { MetadataKind } from '../../lake/metadata/layout.js';
import { setsTable } from '../../lake/metadata/store.js';
import type { ReadSession } from '../../lake/session.js';
import { BySet, type NumberSet } from './number-set.js';

export interface ListedRow {
  readonly values: readonly unknown[];
  /** 0 where they were not asked for. */
  readonly records: number;
  readonly bytes: number;
}

/** In each thread: how many, and about the bytes of all of them together. */
const mostProjections = 200;
const mostBytes = 128 * 1024 * 1024;
/** Label sets or keys that one is made of. */
const mostSets = 400_000;
/** One that was too large is not read again before. */
const retryMs = 600_000;

/** Of one of them, what it keeps of files; those of files that are forgotten go with the others beyond it. */
const mostFileBytes = 16 * 1024 * 1024;

const setBytes = 40;
const rowBytes = 300;

/** What SQL makes of each set, by its number: the number of a row, or -1 where the condition leaves it out. */
export interface Projection {
  readonly byId: ReadonlyMap<number, number>;
  readonly rows: readonly (readonly unknown[])[];
  /** Of some rows by their numbers, how they are listed. */
  readonly lists: BySet<readonly ListedRow[]>;
  /** Which rows the sets of a file are, as long as they are kept. */
  rowsOf(file: object): NumberSet | undefined;
  keepRowsOf(file: object, rows: NumberSet): void;
}

/** What was asked for last, of how many windows. */
const mostLists = 4;

class Held implements Projection {
  upTo = 0;
  readonly byId = new Map<number, number>();
  readonly rows: (readonly unknown[])[] = [];
  readonly numbers = new Map<string, number>();
  readonly lists = new BySet<readonly ListedRow[]>(mostLists);
  #ofFiles = new WeakMap<object, NumberSet>();
  /** Of files, those that are forgotten counted. */
  #fileBytes = 0;

  /** `ownBytes`: without what is kept of files. */
  constructor(public ownBytes: number) {}

  get bytes(): number {
    return this.ownBytes + this.#fileBytes;
  }

  rowsOf(file: object): NumberSet | undefined {
    return this.#ofFiles.get(file);
  }

  keepRowsOf(file: object, rows: NumberSet): void {
    if (this.#ofFiles.has(file)) return;
    const bytes = rows.bytes + setBytes;
    if (this.#fileBytes + bytes > mostFileBytes) {
      this.#ofFiles = new WeakMap();
      this.#fileBytes = 0;
    }
    this.#fileBytes += bytes;
    this.#ofFiles.set(file, rows);
  }
}

/** When it was, in Unix milliseconds. */
interface Refused {
  readonly refusedAt: number;
}

/** The one used last is at the end. */
const all = new Map<string, Held | Refused>();

interface Asked {
  readonly epoch: string;
  readonly kind: MetadataKind;
  readonly columns: readonly string[];
  readonly where: string;
}

/** Of sets up to this number. Null where they are too many to keep; throws what the session does. */
export async function projectionOf(
  session: ReadSession,
  { epoch, kind, columns, where }: Asked,
  lastId: number,
): Promise<Projection | null> {
  const key = JSON.stringify([epoch, kind, columns, where]);
  let held = all.get(key);
  if (held && 'refusedAt' in held) {
    if (Date.now() - held.refusedAt < retryMs) return null;
    held = undefined;
  }
  held ??= new Held(key.length);
  const complete = held.upTo >= lastId || (await read(session, kind, columns, where, held, lastId));
  all.delete(key);
  all.set(key, complete ? held : { refusedAt: Date.now() });
  bound();
  return complete ? held : null;
}

/** False where there are too many. */
async function read(
  session: ReadSession,
  kind: MetadataKind,
  columns: readonly string[],
  where: string,
  held: Held,
  lastId: number,
): Promise<boolean> {
  const fresh = `FROM ${setsTable(kind)} WHERE id > ${held.upTo} AND id <= ${lastId}`;
  // Numbers are not given twice, so that there may be far fewer sets.
  if (held.byId.size + lastId - held.upTo > mostSets) {
    const [row] = await session.rows(`SELECT count(*)::DOUBLE AS sets ${fresh}`);
    if (held.byId.size + ((row?.['sets'] ?? Infinity) as number) > mostSets) return false;
  }
  const shown = columns.map((column) => `, CASE WHEN wanted THEN ${column} END`);
  const sql = `SELECT id, wanted${shown.join('')} FROM (SELECT *, (${where}) IS TRUE AS wanted ${fresh}) LIMIT ${mostSets}`;
  for await (const chunk of session.stream(sql)) {
    const [ids, wanted, ...values] = chunk.columns;
    for (let r = 0; r < chunk.rowCount; r++) {
      const row =
        wanted?.[r] === true
          ? rowOf(
              held,
              values.map((column) => column[r] ?? null),
            )
          : -1;
      const id = ids?.[r] as number;
      if (!held.byId.has(id)) held.ownBytes += setBytes;
      held.byId.set(id, row);
    }
    if (held.bytes > mostBytes) return false;
  }
  held.upTo = lastId;
  return true;
}

function rowOf(held: Held, values: readonly unknown[]): number {
  const key = JSON.stringify(values);
  let number = held.numbers.get(key);
  if (number === undefined) {
    number = held.rows.length;
    held.numbers.set(key, number);
    held.rows.push(values);
    // The texts are in both.
    held.ownBytes += rowBytes + 2 * key.length;
  }
  return number;
}

function bound(): void {
  let bytes = 0;
  for (const [key, held] of all) bytes += bytesOf(key, held);
  for (const [oldest, held] of all) {
    if (bytes <= mostBytes && all.size <= mostProjections) break;
    all.delete(oldest);
    bytes -= bytesOf(oldest, held);
  }
}

function bytesOf(key: string, held: Held | Refused): number {
  return 'bytes' in held ? held.bytes : key.length;
}
