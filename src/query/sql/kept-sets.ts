import { metadataKinds, type MetadataKind } from '../../lake/metadata/layout.js';
import { hourNs } from '../../lake/metadata/stage.js';
import { seenTable } from '../../lake/metadata/store.js';
import type { ListingView, ReadSession } from '../../lake/session.js';
import { CutHours, type CutHour } from './cut-hours.js';
import { toldBy, type Extent } from './extent.js';
import { NumberSet } from './number-set.js';
import { projectionOf, type ListedRow, type Projection } from './projections.js';

/** Of all kinds together, in each thread, some 40 bytes each. */
const mostEntries = 500_000;
/** A kind that was asked for within this time gives no room: two that don't fit together would be read again and again. */
const restMs = 60_000;

/** Which sets a file has, hour by hour, and in these hours their first and last row, how many and how many bytes. */
interface FileSets extends Extent<bigint> {
  /** Each once, with its first and its last row. */
  readonly distinct: Int32Array;
  readonly firstOf: BigInt64Array;
  readonly lastOf: BigInt64Array;
  readonly ids: Int32Array;
  /** Nanoseconds since the epoch. */
  readonly first: BigInt64Array;
  readonly last: BigInt64Array;
  readonly records: Float64Array;
  readonly bytes: Float64Array;
}

interface Asked {
  readonly columns: readonly string[];
  readonly where: string;
  readonly weighed?: boolean;
}

/**
 * The label sets or keys of one kind that the metadata cache keeps, as numbers: which files have them is read once, and what an
 * expression makes of each is asked once for each set. Both never change as long as the epoch is the same.
 */
class KeptSets {
  readonly #files = new Map<number, FileSets>();
  readonly #cutHours: CutHours;
  #updating: Promise<unknown> = Promise.resolve();
  #entries = 0;
  /** Unix milliseconds. */
  usedAt = 0;

  constructor(
    private readonly epoch: string,
    private readonly kind: MetadataKind,
  ) {
    this.#cutHours = new CutHours(epoch, kind);
  }

  get entries(): number {
    return this.#entries;
  }

  /** Of all files but these. */
  forget(but: ReadonlySet<number> = new Set()): void {
    for (const [file, { ids }] of this.#files) {
      if (but.has(file)) continue;
      this.#files.delete(file);
      this.#entries -= ids.length;
    }
  }

  /** What the view has in the window; unless they are weighed, the same list as long as they are the same. Null where it is too much to keep, or can't be read. */
  async rows(
    session: ReadSession,
    view: ListingView,
    asked: Asked & Window,
  ): Promise<readonly ListedRow[] | null> {
    const files = [...view.whole, ...view.cut];
    if (files.length === 0) return noRows;
    const updating = this.#updating.then(() => this.#find(session, view, files, asked).catch(() => null));
    this.#updating = updating;
    const part = await unlessAborted(updating, session.signal);
    if (part === null) return null;
    const { found, cut } = part;
    for (const hour of cut) {
      const parts = await this.#cutHours.parts(session, hour, asked.window).catch(() => null);
      if (parts === null) return null;
      for (const { id, records, bytes } of parts) found.add(id, records, bytes);
    }
    return found.rows();
  }

  /** What hours tell, and those of which the rows alone do. In the queue, so that no file is forgotten before. */
  async #find(
    session: ReadSession,
    view: ListingView,
    files: readonly number[],
    asked: Asked & Window,
  ): Promise<{ readonly found: Found; readonly cut: CutHour[] } | null> {
    const projection = await this.#update(session, view, files, asked);
    if (projection === null) return null;
    const found = new Found(projection, asked.weighed ?? false);
    const cut = this.#add(view, asked, found);
    return cut && { found, cut };
  }

  async #update(
    session: ReadSession,
    view: ListingView,
    files: readonly number[],
    asked: Asked,
  ): Promise<Projection | null> {
    if (session.signal?.aborted || view.entries > mostEntries) return null;
    const missing = files.filter((file) => !this.#files.has(file));
    if (missing.length > 0) {
      const known = files.reduce((sum, file) => sum + (this.#files.get(file)?.ids.length ?? 0), 0);
      if (!this.#makeRoom(view.entries - known, files)) return null;
      await this.#learn(session, missing);
      // Other kinds may have grown meanwhile.
      if (!this.#makeRoom(0, files)) {
        this.forget();
        return null;
      }
    }
    const { epoch, kind } = this;
    return projectionOf(session, { epoch, kind, columns: asked.columns, where: asked.where }, view.lastId);
  }

  /** For so many more entries, by dropping other kinds that were not used lately, then files of its own that are not wanted. */
  #makeRoom(more: number, wanted: readonly number[]): boolean {
    const fits = () => [...all.values()].reduce((sum, { entries }) => sum + entries, more) <= mostEntries;
    for (const sets of all.values()) {
      if (fits()) return true;
      if (sets !== this && Date.now() - sets.usedAt >= restMs) sets.forget();
    }
    if (!fits()) this.forget(new Set(wanted));
    return fits();
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
    for (const [file, entries] of found) {
      if (entries.ids.length === 0) continue;
      this.#files.set(file, entries.packed());
      this.#entries += entries.ids.length;
    }
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
      else found.addAll(file);
    }
    const hours: CutHour[] = [];
    for (const number of cut) {
      const file = this.#files.get(number);
      if (file === undefined) return null;
      if (!weighed && addByEnds(file, from, until, found)) continue;
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

/** Those of a file of which the first or last row alone tells; false where that is not enough. */
function addByEnds(file: FileSets, from: bigint, until: bigint, found: Found): boolean {
  const by = toldBy(file, from, until);
  if (by === 'all times') return false;
  if (by === 'all') {
    found.addAll(file);
    return true;
  }
  for (const [i, id] of file.distinct.entries()) {
    if (by === 'first' ? (file.firstOf[i] ?? 0n) < until : (file.lastOf[i] ?? 0n) >= from)
      found.add(id, 0, 0);
  }
  return true;
}

const noRows: readonly ListedRow[] = [];

/** What was found of a projection's rows. */
class Found {
  readonly #numbers = new NumberSet();
  /** By row; without weights there are none. */
  readonly #sums = new Map<number, { records: number; bytes: number }>();
  /** Every set so far is one that the projection knows. */
  complete = true;

  constructor(
    private readonly projection: Projection,
    private readonly weighed: boolean,
  ) {}

  add(id: number, records: number, bytes: number): void {
    const row = this.projection.byId.get(id);
    if (row === undefined) this.complete = false;
    if (row === undefined || row < 0) return;
    if (!this.weighed) {
      this.#numbers.add(row);
      return;
    }
    const sums = this.#sums.get(row);
    if (sums === undefined) {
      this.#sums.set(row, { records, bytes });
      return;
    }
    sums.records += records;
    sums.bytes += bytes;
  }

  /** All sets of a file, without weights: which rows they are never changes. */
  addAll(file: FileSets): void {
    const known = this.projection.rowsOf(file);
    if (known !== undefined) {
      this.#numbers.addAll(known);
      return;
    }
    const own = new NumberSet();
    for (const id of file.distinct) {
      const row = this.projection.byId.get(id);
      if (row === undefined) this.complete = false;
      else if (row >= 0) own.add(row);
    }
    if (this.complete) this.projection.keepRowsOf(file, own);
    this.#numbers.addAll(own);
  }

  rows(): readonly ListedRow[] | null {
    if (!this.complete) return null;
    const { rows, lists } = this.projection;
    const valuesOf = (row: number) => rows[row] ?? [];
    if (this.weighed) return [...this.#sums].map(([row, sums]) => ({ values: valuesOf(row), ...sums }));
    return lists.get(this.#numbers, () =>
      this.#numbers.numbers().map((row) => ({ values: valuesOf(row), records: 0, bytes: 0 })),
    );
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
    const [firsts, lasts] = [new Map<number, bigint>(), new Map<number, bigint>()];
    for (const [i, id] of this.ids.entries()) {
      firsts.set(id, least(firsts.get(id), this.first[i] ?? 0n));
      lasts.set(id, most(lasts.get(id), this.last[i] ?? 0n));
    }
    const [firstOf, lastOf] = [[...firsts.values()], [...lasts.values()]];
    return {
      begin: firstOf.reduce(least, firstOf[0] ?? 0n),
      end: lastOf.reduce(most, lastOf[0] ?? 0n),
      begunBy: firstOf.reduce(most, firstOf[0] ?? 0n),
      goesOnTo: lastOf.reduce(least, lastOf[0] ?? 0n),
      firstOf: BigInt64Array.from(firstOf),
      lastOf: BigInt64Array.from(lastOf),
      distinct: Int32Array.from(firsts.keys()),
      ids: Int32Array.from(this.ids),
      first: BigInt64Array.from(this.first),
      last: BigInt64Array.from(this.last),
      records: Float64Array.from(this.records),
      bytes: Float64Array.from(this.bytes),
    };
  }
}

function least(a: bigint | undefined, b: bigint): bigint {
  return a !== undefined && a < b ? a : b;
}

function most(a: bigint | undefined, b: bigint): bigint {
  return a !== undefined && a > b ? a : b;
}

/** Null as soon as the query is aborted: those before it in the queue need not have ended by then. */
async function unlessAborted<T>(work: Promise<T | null>, signal: AbortSignal | undefined): Promise<T | null> {
  if (signal === undefined) return work;
  let stop = () => {};
  const aborted = new Promise<null>((resolve) => {
    stop = () => resolve(null);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** By what their numbers mean, and by kind. The one used last is at the end. */
const all = new Map<string, KeptSets>();
const mostKept = 2 * metadataKinds.length;

/** This thread's sets of a kind. */
export function setsOf(epoch: string, kind: MetadataKind): KeptSets {
  const key = `${epoch} ${kind}`;
  const sets = all.get(key) ?? new KeptSets(epoch, kind);
  sets.usedAt = Date.now();
  all.delete(key);
  all.set(key, sets);
  for (const oldest of all.keys()) if (all.size > mostKept) all.delete(oldest);
  return sets;
}
