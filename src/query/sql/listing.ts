import { unkept, type MetadataKind } from '../../lake/metadata/layout.js';
import { QueryError } from '../../lake/query-error.js';
import type { ListingView, ReadSession } from '../../lake/session.js';
import { setsOf } from './kept-sets.js';
import type { MetadataWindow } from './metadata.js';
import type { ListedRow } from './projections.js';
import { unreadRows } from './unread-files.js';
import { byteOrder } from '../text/byte-order.js';

/** What is asked of label sets or attribute keys, in SQL over the columns of their kind. */
export interface ListingQuery {
  readonly kind: MetadataKind;
  readonly window: MetadataWindow;
  /** None of BIGINT. */
  readonly columns: readonly string[];
  readonly where: string;
  /** How many rows and bytes there are is asked too. */
  readonly weighed?: boolean;
  readonly maxRows: number;
}

class TooManyRows extends QueryError {
  constructor(maxRows: number) {
    super('limit', `the query gives more than ${maxRows} rows`);
  }
}

/**
 * The distinct rows of a window, in no order, and the same list as long as they are the same and no weights are asked for; with none of their own statements where all of it is kept and was asked for before.
 * Throws QueryError `limit` beyond `maxRows`. `view`: what the session has told of it already.
 */
export async function listed(
  session: ReadSession,
  query: ListingQuery,
  view?: ListingView | null,
): Promise<readonly ListedRow[]> {
  return (
    (await keptRows(session, query, false, view)) ??
    readRows(session, query, unkept(query.kind, query.window.where))
  );
}

/** What `work` lists; null beyond its `maxRows`, for what SQL can answer in fewer rows. */
export async function unlessTooMany(
  work: Promise<readonly ListedRow[] | null>,
): Promise<readonly ListedRow[] | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof TooManyRows) return null;
    throw error;
  }
}

/** The same; null when nothing is kept of it, or (`cheaply`) when something would have to be read. `told`: what the session has told of it already. */
export async function keptRows(
  session: ReadSession,
  query: ListingQuery,
  cheaply = false,
  told?: ListingView | null,
): Promise<readonly ListedRow[] | null> {
  const { kind, window, weighed = false } = query;
  const { from, until, where } = window;
  const request = { kind, from, until, where, weighed, ...(cheaply && { cheaply }) };
  const view = told === undefined ? ((await session.listing?.(request)) ?? null) : told;
  if (view !== null) {
    const known = await setsOf(view.epoch, kind).rows(session, view, query);
    const unread = known && (await unreadRows(session, query, view.unread));
    const beside = (unread?.length ?? 0) + view.told.length;
    if (known !== null && unread !== null && beside === 0 && view.rest === null) {
      if (known.length > query.maxRows) throw new TooManyRows(query.maxRows);
      return known;
    }
    if (known !== null && unread !== null) {
      const rows = new Distinct(query.maxRows);
      for (const row of known) rows.add(row);
      for (const row of unread) rows.add(row);
      // Keys are asked for as they are.
      for (const values of view.told) rows.add({ values, records: 0, bytes: 0 });
      if (view.rest !== null) await read(session, query, view.rest, rows);
      return rows.all();
    }
  }
  const source = (await session.metadata?.(request)) ?? null;
  return source === null ? null : readRows(session, query, source);
}

async function readRows(session: ReadSession, query: ListingQuery, from: string): Promise<ListedRow[]> {
  const rows = new Distinct(query.maxRows);
  await read(session, query, from, rows);
  return rows.all();
}

async function read(
  session: ReadSession,
  { columns, where, weighed = false }: ListingQuery,
  from: string,
  rows: Distinct,
): Promise<void> {
  const weights = weighed ? ['sum(records)::DOUBLE', 'sum(bytes)::DOUBLE'] : ['TRUE'];
  const distinct =
    `SELECT ${[...columns, ...weights].join(', ')} FROM ${from} WHERE ${where} GROUP BY ALL` +
    (columns.length === 0 ? ' HAVING count(*) > 0' : '');
  for await (const chunk of session.stream(distinct)) {
    for (let r = 0; r < chunk.rowCount; r++) {
      const values = columns.map((_, c) => chunk.columns[c]?.[r] ?? null);
      const number = (c: number) => (weighed ? ((chunk.columns[columns.length + c]?.[r] ?? 0) as number) : 0);
      rows.add({ values, records: number(0), bytes: number(1) });
    }
  }
}

class Distinct {
  readonly #rows = new Map<string, { values: readonly unknown[]; records: number; bytes: number }>();

  constructor(private readonly maxRows: number) {}

  add({ values, records, bytes }: ListedRow): void {
    const key = JSON.stringify(values);
    const known = this.#rows.get(key);
    if (known) {
      known.records += records;
      known.bytes += bytes;
      return;
    }
    if (this.#rows.size >= this.maxRows) {
      throw new TooManyRows(this.maxRows);
    }
    this.#rows.set(key, { values, records, bytes });
  }

  all(): ListedRow[] {
    return [...this.#rows.values()];
  }
}

/** In the order of their values, which are text. */
export function inOrder(rows: readonly ListedRow[]): ListedRow[] {
  return rows.toSorted((a, b) => byTexts(a.values, b.values));
}

/** Value after value, those without one last. */
export function byTexts(a: readonly unknown[], b: readonly unknown[]): number {
  for (const [i, x] of a.entries()) {
    const y = b[i] ?? null;
    if (x === y) continue;
    return x === null ? 1 : y === null ? -1 : byteOrder(x as string, y as string);
  }
  return 0;
}
