import type { MetadataKind } from '../../lake/metadata/layout.js';
import { hourNs, seenTable, setsTable } from '../../lake/metadata/store.js';
import type { ListingView, ReadSession } from '../../lake/session.js';
import { CutHours, type CutHour } from './cut-hours.js';

/** Of all kinds together, in each thread: entries of files some 40 bytes each, those of projections less. */
const mostEntries = 500_000;
const mostProjected = 400_000;

/** Which sets a file has, hour by hour, and in these hours their first and last row, how many and how many bytes. */
interface FileSets {
  readonly distinct: Int32Array;
  readonly ids: Int32Array;
  /** Nanoseconds since the epoch. */
  readonly first: BigInt64Array;
  readonly last: BigInt64Array;
  readonly records: Float64Array;
  readonly bytes: Float64Array;
}

/** What SQL makes of each set, by its number: the number of a row, or -1 where the condition leaves it out. */
interface Projection {
  upTo: number;
  readonly byId: Map<number, number>;
  readonly rows: (readonly unknown[])[];
  readonly numbers: Map<string, number>;
}

interface Asked {
  readonly columns: readonly string[];
  readonly where: string;
  readonly weighed?: boolean;
}

export interface ListedRow {
  readonly values: readonly unknown[];
  /** 0 where they were not asked for. */
  readonly records: number;
  readonly bytes: number;
}

/**
 * The label sets or keys of one kind that the metadata cache keeps, as numbers: which files have them is read once, and what an
 * expression makes of each is asked once for each set. Both never change as long as the epoch is the same.
 */
class KeptSets {
  readonly #files = new Map<number, FileSets>();
  /** The one used last is at the end. */
  readonly #projections = new Map<string, Projection>();
  readonly #cutHours: CutHours;
  #updating: Promise<unknown> = Promise.resolve();

  constructor(
    epoch: string,
    private readonly kind: MetadataKind,
  ) {
    this.#cutHours = new CutHours(epoch, kind);
  }

  get entries(): number {
    return [...this.#files.values()].reduce((sum, { ids }) => sum + ids.length, 0);
  }

  get projected(): number {
    return [...this.#projections.values()].reduce((sum, { byId }) => sum + byId.size, 0);
  }

  /** What the view has in the window. Null where it is too much to keep, or can't be read. */
  async rows(session: ReadSession, view: ListingView, asked: Asked & Window): Promise<ListedRow[] | null> {
    const files = [...view.whole, ...view.cut];
    if (files.length === 0) return [];
    const updating = this.#updating.then(() => this.#update(session, view, files, asked).catch(() => null));
    this.#updating = updating;
    const projection = await updating;
    if (projection === null) return null;
    const found = new Found(projection);
    const cut = this.#add(view, asked, found);
    for (const hour of cut ?? []) {
      const parts = await this.#cutHours.parts(session, hour, asked.window).catch(() => null);
      if (parts === null) return null;
      for (const { id, records, bytes } of parts) found.add(id, records, bytes);
    }
    return cut === null ? null : found.rows();
  }

  async #update(
    session: ReadSession,
    view: ListingView,
    files: readonly number[],
    asked: Asked,
  ): Promise<Projection | null> {
    const missing = files.filter((file) => !this.#files.has(file));
    if (missing.length > 0) {
      await this.#learn(session, missing);
      if (entriesOfAll() > mostEntries) {
        const wanted = new Set(files);
        for (const file of this.#files.keys()) if (!wanted.has(file)) this.#files.delete(file);
        if (entriesOfAll() > mostEntries) {
          this.#files.clear();
          return null;
        }
      }
    }
    return this.#project(session, view.lastId, asked);
  }

  async #learn(session: ReadSession, missing: readonly number[]): Promise<void> {
    const found = new Map(missing.map((file) => [file, new Entries()]));
    const sql =
      `SELECT file, id, first, last, records::DOUBLE, bytes::DOUBLE FROM ${seenTable(this.kind)} ` +
      `WHERE file IN (${missing.join(', ')}) LIMIT ${mostEntries + 1}`;
    let count = 0;
    for await (const { columns, rowCount } of session.stream(sql)) {
      const [file, id, first, last, records, bytes] = columns;
      count += rowCount;
      for (let r = 0; r < rowCount; r++) {
        const entries = found.get(file?.[r] as number);
        entries?.ids.push(id?.[r] as number);
        entries?.first.push(first?.[r] as bigint);
        entries?.last.push(last?.[r] as bigint);
        entries?.records.push(records?.[r] as number);
        entries?.bytes.push((bytes?.[r] ?? 0) as number);
      }
    }
    if (count > mostEntries) return;
    // One without any has been dropped meanwhile, or is not seen by a transaction that began before.
    for (const [file, entries] of found) if (entries.ids.length > 0) this.#files.set(file, entries.packed());
  }

  async #project(
    session: ReadSession,
    lastId: number,
    { columns, where }: Asked,
  ): Promise<Projection | null> {
    const key = JSON.stringify([columns, where]);
    const projection = this.#projections.get(key) ?? {
      ...{ upTo: 0, byId: new Map<number, number>() },
      ...{ rows: [], numbers: new Map<string, number>() },
    };
    this.#projections.delete(key);
    this.#projections.set(key, projection);
    if (projection.upTo >= lastId) return projection;
    const shown = columns.map((column) => `, CASE WHEN wanted THEN ${column} END`);
    const sql =
      `SELECT id, wanted${shown.join('')} FROM (SELECT *, (${where}) IS TRUE AS wanted FROM ${setsTable(this.kind)} ` +
      `WHERE id > ${projection.upTo} AND id <= ${lastId}) LIMIT ${mostProjected + 1}`;
    for await (const chunk of session.stream(sql)) {
      const [ids, wanted, ...values] = chunk.columns;
      for (let r = 0; r < chunk.rowCount; r++) {
        const id = ids?.[r] as number;
        projection.byId.set(
          id,
          wanted?.[r] === true
            ? rowOf(
                projection,
                values.map((column) => column[r] ?? null),
              )
            : -1,
        );
      }
    }
    projection.upTo = lastId;
    for (const oldest of this.#projections.keys()) {
      if (projectedByAll() <= mostProjected) break;
      this.#projections.delete(oldest);
    }
    return this.#projections.has(key) ? projection : null;
  }

  /** Adds what hours tell. Gives those of which the rows alone do; null where something is not known. */
  #add(
    { whole, cut }: ListingView,
    { window: { from, until }, weighed = false }: Asked & Window,
    found: Found,
  ): CutHour[] | null {
    for (const number of whole) {
      const file = this.#files.get(number);
      if (file === undefined) return null;
      if (weighed) file.ids.forEach((id, i) => found.add(id, file.records[i] ?? 0, file.bytes[i] ?? 0));
      else for (const id of file.distinct) found.add(id, 0, 0);
    }
    const hours: CutHour[] = [];
    for (const number of cut) {
      const file = this.#files.get(number);
      if (file === undefined) return null;
      const unclear = new Set<bigint>();
      for (let i = 0; i < file.ids.length; i++) {
        const [first, last] = [file.first[i] ?? 0n, file.last[i] ?? 0n];
        if (last < from || first >= until) continue;
        const [begins, ends] = [first >= from, last < until];
        // How many there are, or whether there are any between its first and last, is in the rows alone.
        if (weighed ? !(begins && ends) : !begins && !ends) unclear.add(first / hourNs);
        else if (!weighed) found.add(file.ids[i] ?? 0, 0, 0);
      }
      const records = new Map([...unclear].map((hour) => [hour, 0]));
      for (let i = 0; i < file.ids.length; i++) {
        const [first, last] = [file.first[i] ?? 0n, file.last[i] ?? 0n];
        const sum = records.get(first / hourNs);
        if (sum !== undefined) records.set(first / hourNs, sum + (file.records[i] ?? 0));
        else if (weighed && first >= from && last < until) {
          found.add(file.ids[i] ?? 0, file.records[i] ?? 0, file.bytes[i] ?? 0);
        }
      }
      for (const [hour, sum] of records) hours.push({ file: number, hour, records: sum });
    }
    return found.complete ? hours : null;
  }
}

/** What was found of a projection's rows. */
class Found {
  readonly #sums = new Map<number, { records: number; bytes: number }>();
  /** Every set so far is one that the projection knows. */
  complete = true;

  constructor(private readonly projection: Projection) {}

  add(id: number, records: number, bytes: number): void {
    const row = this.projection.byId.get(id);
    if (row === undefined) this.complete = false;
    if (row === undefined || row < 0) return;
    const sums = this.#sums.get(row);
    if (sums === undefined) {
      this.#sums.set(row, { records, bytes });
      return;
    }
    sums.records += records;
    sums.bytes += bytes;
  }

  rows(): ListedRow[] | null {
    if (!this.complete) return null;
    return [...this.#sums].map(([row, sums]) => ({ values: this.projection.rows[row] ?? [], ...sums }));
  }
}

interface Window {
  readonly window: { readonly from: bigint; readonly until: bigint };
}

class Entries {
  readonly ids: number[] = [];
  readonly first: bigint[] = [];
  readonly last: bigint[] = [];
  readonly records: number[] = [];
  readonly bytes: number[] = [];

  packed(): FileSets {
    return {
      distinct: Int32Array.from(new Set(this.ids)),
      ids: Int32Array.from(this.ids),
      first: BigInt64Array.from(this.first),
      last: BigInt64Array.from(this.last),
      records: Float64Array.from(this.records),
      bytes: Float64Array.from(this.bytes),
    };
  }
}

function rowOf({ rows, numbers }: Projection, values: readonly unknown[]): number {
  const key = JSON.stringify(values);
  let number = numbers.get(key);
  if (number === undefined) {
    number = rows.length;
    numbers.set(key, number);
    rows.push(values);
  }
  return number;
}

/** By what their numbers mean, and then by kind. */
const epochs = new Map<string, Map<MetadataKind, KeptSets>>();
const mostEpochs = 2;

/** This thread's sets of a kind. */
export function setsOf(epoch: string, kind: MetadataKind): KeptSets {
  let kinds = epochs.get(epoch);
  if (!kinds) {
    kinds = new Map();
    epochs.set(epoch, kinds);
    for (const oldest of epochs.keys()) if (epochs.size > mostEpochs) epochs.delete(oldest);
  }
  let sets = kinds.get(kind);
  if (!sets) {
    sets = new KeptSets(epoch, kind);
    kinds.set(kind, sets);
  }
  return sets;
}

function sumOfAll(of: (sets: KeptSets) => number): number {
  let sum = 0;
  for (const kinds of epochs.values()) for (const sets of kinds.values()) sum += of(sets);
  return sum;
}

const entriesOfAll = () => sumOfAll(({ entries }) => entries);
const projectedByAll = () => sumOfAll(({ projected }) => projected);
