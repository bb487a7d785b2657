import {
  numberField,
  readNumber,
  readStruct,
  readStructs,
  readText,
  structsField,
  textField,
  UnexpectedBytes,
  writeStruct,
  type Field,
  type Struct,
} from './compact-protocol.js';

/**
 * Ids of the fields that a join looks into (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift).
 * `last` is the highest that is known to hold no place in the file: where there are others, the file is not joined.
 */
const file = { rows: 3, rowGroups: 4, notes: 5, last: 7 } as const;
const note = { key: 1, value: 2 } as const;
const rowGroup = { columns: 1, rows: 3, offset: 5, ordinal: 7, last: 7 } as const;
const chunk = { path: 1, offset: 2, metadata: 3, last: 7 } as const;
/** Bytes that lie elsewhere, by the ids of their offset and their length. */
const chunkParts = { 4: 5, 6: 7 } as const;
const metadata = { bytes: 7, dataPage: 9, indexPage: 10, dictionaryPage: 11, last: 17 } as const;
const metadataParts = { 14: 15 } as const;

/** `ordinal` has 16 bits. */
const mostRowGroups = 32_767;
const magicBytes = 4;

/** What a join wants of a footer. */
export interface MovedFooter {
  readonly rows: number;
  /** Of the file that it was read from: behind it only the footer is left, and what is no part of Parquet. */
  readonly dataEnd: number;
  readonly notes: ReadonlyMap<string, string>;
  /** Moved. */
  readonly rowGroups: readonly Buffer[];
  /** All else. */
  readonly rest: Struct;
}

/** How far the bytes of a file are moved, and how many row groups come before its own. */
export interface Move {
  readonly by: number;
  readonly rowGroups: number;
}

/**
 * Reads the footer of a file and moves its row groups; `footerAt` is where it begins in the file. Throws UnexpectedBytes where it is
 * another than DuckDB writes, or says something that can't be true of the file.
 */
export function movedFooter(bytes: Buffer, footerAt: number, move: Move): MovedFooter {
  const fields = known(readStruct(bytes), file.last, 'file');
  const rows = readNumber(needed(fields, file.rows));
  const groups = readStructs(needed(fields, file.rowGroups)).map(readStruct);
  if (move.rowGroups + groups.length > mostRowGroups) throw new UnexpectedBytes('too many row groups');
  const notes = fields.get(file.notes);
  const ends = new Ends(footerAt);
  const rowGroups = groups.map((group, i) => movedGroup(group, move.by, move.rowGroups + i, ends));
  const counted = groups.reduce((sum, group) => sum + readNumber(needed(group, rowGroup.rows)), 0);
  if (counted !== rows) throw new UnexpectedBytes(`${counted} rows in place of ${rows}`);
  const own: ReadonlySet<number> = new Set([file.rows, file.rowGroups, file.notes]);
  return {
    rows,
    dataEnd: ends.last,
    notes: new Map(notes === undefined ? [] : readStructs(notes).map(readNote)),
    rowGroups,
    rest: new Map([...fields].filter(([id]) => !own.has(id))),
  };
}

/** Of a file with the row groups of all of them, one after the other. Throws UnexpectedBytes where their schemas, or their writers, differ. */
export function joinedFooter(
  footers: readonly MovedFooter[],
  notes: Readonly<Record<string, string>>,
): Buffer {
  const [first] = footers;
  if (first === undefined) throw new UnexpectedBytes('no file');
  const rest = writeStruct(first.rest);
  if (!footers.every((footer) => writeStruct(footer.rest).equals(rest))) {
    throw new UnexpectedBytes('the schemas differ');
  }
  const rows = footers.reduce((sum, footer) => sum + footer.rows, 0);
  const pairs = Object.entries(notes).map(([key, value]) =>
    writeStruct([
      [note.key, textField(key)],
      [note.value, textField(value)],
    ]),
  );
  const fields: [number, Field][] = [
    ...first.rest,
    [file.rows, numberField(i64, rows)],
    [file.rowGroups, structsField(footers.flatMap(({ rowGroups }) => rowGroups))],
    ...(pairs.length === 0 ? [] : [[file.notes, structsField(pairs)] as [number, Field]]),
  ];
  return writeStruct(fields.sort(([a], [b]) => a - b));
}

const i64 = { type: 6, value: Buffer.alloc(0) };

/** Where what a footer tells of ends in its file. */
class Ends {
  last = magicBytes;

  constructor(private readonly footerAt: number) {}

  add(from: number, bytes: number): void {
    if (from < magicBytes || bytes < 0 || from + bytes > this.footerAt) {
      throw new UnexpectedBytes(`${bytes} bytes from ${from} on are not in the file`);
    }
    this.last = Math.max(this.last, from + bytes);
  }
}

function movedGroup(group: Struct, by: number, ordinal: number, ends: Ends): Buffer {
  const fields = new Map(known(group, rowGroup.last, 'row group'));
  const chunks = readStructs(needed(fields, rowGroup.columns)).map((one) =>
    movedChunk(readStruct(one), by, ends),
  );
  fields.set(rowGroup.columns, structsField(chunks));
  moved(fields, rowGroup.offset, by);
  const before = fields.get(rowGroup.ordinal);
  if (before) fields.set(rowGroup.ordinal, numberField(before, ordinal));
  return writeStruct(fields);
}

function movedChunk(of: Struct, by: number, ends: Ends): Buffer {
  const fields = new Map(known(of, chunk.last, 'column chunk'));
  if (fields.has(chunk.path)) throw new UnexpectedBytes('a column in another file');
  const { type, value } = needed(fields, chunk.metadata);
  fields.set(chunk.metadata, { type, value: movedMetadata(readStruct(value), by, ends) });
  moved(fields, chunk.offset, by);
  movedParts(fields, chunkParts, by, ends);
  return writeStruct(fields);
}

function movedMetadata(of: Struct, by: number, ends: Ends): Buffer {
  const fields = new Map(known(of, metadata.last, 'column'));
  const bytes = readNumber(needed(fields, metadata.bytes));
  const pages = [metadata.dataPage, metadata.indexPage, metadata.dictionaryPage];
  needed(fields, metadata.dataPage);
  ends.add(Math.min(...pages.map((id) => placeOf(fields, id) ?? Infinity)), bytes);
  for (const id of pages) moved(fields, id, by);
  movedParts(fields, metadataParts, by, ends);
  return writeStruct(fields);
}

function movedParts(
  fields: Map<number, Field>,
  parts: Readonly<Record<number, number>>,
  by: number,
  ends: Ends,
): void {
  for (const [at, length] of Object.entries(parts)) {
    const place = placeOf(fields, Number(at));
    if (place === null) continue;
    ends.add(place, readNumber(needed(fields, length)));
    moved(fields, Number(at), by);
  }
}

function moved(fields: Map<number, Field>, id: number, by: number): void {
  const field = fields.get(id);
  const place = placeOf(fields, id);
  if (field && place !== null) fields.set(id, numberField(field, place + by));
}

/** Null where there is none: nothing lies before the magic, and some writers put 0 for it. */
function placeOf(fields: Struct, id: number): number | null {
  const field = fields.get(id);
  const place = field === undefined ? 0 : readNumber(field);
  return place === 0 ? null : place;
}

function readNote(bytes: Buffer): [string, string] {
  const fields = readStruct(bytes);
  return [readText(needed(fields, note.key)), readText(needed(fields, note.value))];
}

function needed(fields: Struct, id: number): Field {
  const field = fields.get(id);
  if (field === undefined) throw new UnexpectedBytes(`field ${id} is missing`);
  return field;
}

/** What is not known may be a place in the file, which would have to be moved. */
function known(fields: Struct, last: number, what: string): Struct {
  const other = [...fields.keys()].find((id) => id < 1 || id > last);
  if (other !== undefined) throw new UnexpectedBytes(`a ${what} with field ${other}`);
  return fields;
}
