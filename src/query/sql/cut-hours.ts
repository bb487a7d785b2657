import { layoutOf, type MetadataKind } from '../../lake/metadata/layout.js';
import { hourNs } from '../../lake/metadata/stage.js';
import { filesTable, hourSql, setsTable } from '../../lake/metadata/store.js';
import type { ReadSession } from '../../lake/session.js';
import { literal } from './literal.js';

/** Of all kinds together, in each thread; some 20 bytes each. */
const mostRows = 2_000_000;
/** An hour of more rows is read by each question. */
const mostOfHour = 1_000_000;

/** An hour of a file, of which a window has a part. */
export interface CutHour {
  readonly file: number;
  /** Since the epoch. */
  readonly hour: bigint;
  /** Rows, or keys of rows. */
  readonly records: number;
}

/** Every row of it, those of the same set together. */
interface HourRows {
  readonly sets: Int32Array;
  /** Nanoseconds since the hour began. */
  readonly times: Float64Array;
  readonly bytes: Float64Array;
}

export interface SetPart {
  readonly id: number;
  readonly records: number;
  readonly bytes: number;
}

/**
 * The rows of hours that windows cut, as set and time: the hour in which a moving window begins is the same for many questions, each of
 * which cuts it elsewhere. It is read once, through the lake, and taken for complete when it has as many rows as are known to be in it.
 */
export class CutHours {
  /** The one used last is at the end. */
  static readonly #all = new Map<string, HourRows>();

  constructor(
    private readonly epoch: string,
    private readonly kind: MetadataKind,
  ) {}

  /** What each set has of that hour within the window; null where it can't be had. */
  async parts(
    session: ReadSession,
    cut: CutHour,
    { from, until }: { readonly from: bigint; readonly until: bigint },
  ): Promise<SetPart[] | null> {
    const rows = await this.#rows(session, cut);
    if (rows === null) return null;
    const begin = cut.hour * hourNs;
    const [first, end] = [Number(from - begin), Number(until - begin)];
    const found: SetPart[] = [];
    const { sets, times, bytes } = rows;
    for (let i = 0; i < sets.length;) {
      const id = sets[i] ?? 0;
      let [records, sum] = [0, 0];
      for (; i < sets.length && sets[i] === id; i++) {
        const time = times[i] ?? 0;
        if (time < first || time >= end) continue;
        records++;
        sum += bytes[i] ?? 0;
      }
      if (records > 0) found.push({ id, records, bytes: sum });
    }
    return found;
  }

  async #rows(session: ReadSession, cut: CutHour): Promise<HourRows | null> {
    if (cut.records > mostOfHour) return null;
    const key = `${this.epoch} ${this.kind} ${cut.file} ${cut.hour}`;
    const rows = CutHours.#all.get(key) ?? (await this.#read(session, cut));
    if (rows === null) return null;
    CutHours.#all.delete(key);
    CutHours.#all.set(key, rows);
    let held = 0;
    for (const { sets } of CutHours.#all.values()) held += sets.length;
    for (const [oldest, { sets }] of CutHours.#all) {
      if (held <= mostRows) break;
      CutHours.#all.delete(oldest);
      held -= sets.length;
    }
    return rows;
  }

  async #read(session: ReadSession, { file, hour, records }: CutHour): Promise<HourRows | null> {
    const { kind } = this;
    const [named] = await session.rows(`SELECT path FROM ${filesTable} WHERE file = ${file}`);
    if (named === undefined) return null;
    const { columns, select } = layoutOf(kind);
    const same = columns.map(({ name }) => `r.${name} IS NOT DISTINCT FROM s.${name}`).join(' AND ');
    const within = `filename = ${literal(named['path'] as string)} AND ${hourSql(hour)}`;
    const sql =
      `SELECT s.id, (r.t - ${hour * hourNs})::DOUBLE, r.bytes::DOUBLE FROM (${select(within)}) r ` +
      `JOIN ${setsTable(kind)} s ON ${same} WHERE r.t // ${hourNs} = ${hour} ORDER BY s.id LIMIT ${records + 1}`;
    const rows: HourRows = {
      sets: new Int32Array(records),
      times: new Float64Array(records),
      bytes: new Float64Array(records),
    };
    let count = 0;
    for await (const chunk of session.stream(sql)) {
      const [ids, times, bytes] = chunk.columns;
      for (let r = 0; r < chunk.rowCount && count + r < records; r++) {
        rows.sets[count + r] = ids?.[r] as number;
        rows.times[count + r] = times?.[r] as number;
        rows.bytes[count + r] = (bytes?.[r] ?? 0) as number;
      }
      count += chunk.rowCount;
    }
    return count === records ? rows : null;
  }
}
