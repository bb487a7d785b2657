import type { ReadSession, RowsRequest } from '../../../lake/session.js';
import { eachLeaf } from '../../attributes/each-attribute.js';
import { lokiLabelName } from '../../attributes/label-name.js';
import { extractedSuffix } from './labels.js';
import { attributeColumns, columnKeys, streamColumns, type AttributeColumn } from './columns.js';
import { literal as text } from '../../sql/literal.js';
import { keptRows, unlessTooMany } from '../../sql/listing.js';
import type { MetadataWindow } from '../../sql/metadata.js';

const table = { from: 'lake.logs', columns: new Map<string, number>() } as const;
const plainPath = /^\$\."([A-Za-z0-9_.\-/]{1,100})"$/;
/** Most attributes that one query reads from columns. */
const maxColumns = 32;
const maxKeys = 20_000;
const sampleRows = 1000;
const sampleEveryMs = 30_000;

/**
 * Attribute keys that were seen, by label name. Label names are lossy (`a.b` and `a-b` are both `a_b`), so a
 * name alone does not give the key. This is a hint that makes the common key cheap; the SQL stays right without.
 */
export class KeyHints {
  readonly #keys = new Map<string, Set<string>>();
  readonly #asked = new Map<string, number>();
  #count = 0;

  add(path: readonly string[]): void {
    const name = lokiLabelName(path.join('_'));
    const sql = jsonPath(path);
    let keys = this.#keys.get(name);
    if (keys?.has(sql) || this.#count >= maxKeys) return;
    if (!keys) this.#keys.set(name, (keys = new Set()));
    keys.add(sql);
    this.#count++;
  }

  /** Where attributes of this name are in JSON text, as paths in SQL. */
  keys(name: string): readonly string[] {
    return [...(this.#keys.get(name) ?? [])];
  }

  /** Learns keys from a few rows of a range when one of the names is new. `where` selects the rows. */
  async learn(session: ReadSession, names: Iterable<string>, where: string): Promise<void> {
    const now = Date.now();
    const fresh = [...names].filter(
      (name) =>
        !this.#keys.has(name) && name.includes('_') && now - (this.#asked.get(name) ?? 0) > sampleEveryMs,
    );
    if (fresh.length === 0) return;
    if (this.#asked.size > maxKeys) this.#asked.clear();
    for (const name of fresh) this.#asked.set(name, now);
    const columns = attributeColumns.join(', ');
    // Rows with an object among their attributes may be few, and only they tell where its members are.
    const nested = attributeColumns.map((column) => `contains(${column}, ':{')`).join(' OR ');
    for (const rows of [where, `(${where}) AND (${nested})`]) {
      for await (const chunk of session.stream(
        `SELECT ${columns} FROM lake.logs WHERE ${rows} LIMIT ${sampleRows}`,
      )) {
        for (const values of chunk.columns) {
          for (const json of new Set(values)) {
            if (typeof json === 'string') eachLeaf(json, (_name, _value, path) => this.add(path));
          }
        }
      }
    }
  }
}

function jsonPath(path: readonly string[]): string {
  // A path can quote neither these characters nor a lone asterisk, which stays a wildcard; a pointer can.
  if (path.some((key) => key === '*' || /["\\]/.test(key))) {
    return path.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  }
  return `$${path.map((key) => `."${key}"`).join('')}`;
}

const columnPaths: ReadonlySet<string> = new Set([...columnKeys].map((key) => jsonPath([key])));

/**
 * The keys that attributes have as far as one query needs them. Where the metadata cache has those of the query's window they
 * are all there are, and SQL need not look for other spellings, nor read attributes that have none.
 */
export class AttributeKeys {
  /** By column, the paths of each label name. Null: not known. */
  #all: ReadonlyMap<AttributeColumn, KnownKeys> | null | undefined;

  constructor(
    private readonly hints: KeyHints,
    /** What SQL selects from, and the numbers of attributes that are columns there, by their path. */
    private readonly rows: { readonly from: string; readonly columns: ReadonlyMap<string, number> } = table,
  ) {}

  /** What to select from; empty where there is nothing. */
  get from(): string {
    return this.rows.from;
  }

  /** All columns of it. */
  get all(): string {
    return this.rows === table ? '*, rowid' : '*';
  }

  /**
   * The same for rows of the window from wherever they are read fastest, of which attributes of these names may be columns.
   * `search`: as `RowsRequest` has it. After `learn`, as only keys that are all known are asked for.
   */
  async over(
    session: ReadSession,
    names: readonly string[],
    window: MetadataWindow,
    search: Pick<RowsRequest, 'words' | 'located' | 'first'> = {},
  ): Promise<AttributeKeys> {
    const keys = new Map<string, number>();
    for (const name of new Set(names)) {
      const key = this.key(name);
      if (key !== undefined && keys.size < maxColumns) keys.set(key, keys.size);
    }
    const request = {
      table: 'logs',
      from: window.from,
      until: window.until,
      keys: [...keys.keys()],
      words: [],
      ...search,
      orNothing: true,
    } as const;
    const from = (await session.rowsOf?.(request)) ?? null;
    if (from === null) return this;
    return this.#over(from, keys);
  }

  /** The same for rows that are read from there, with the attribute of this key as a column. */
  inRows(from: string, key: string | undefined): AttributeKeys {
    return this.#over(from, new Map(key === undefined ? [] : [[key, 0]]));
  }

  #over(from: string, keys: ReadonlyMap<string, number>): AttributeKeys {
    const columns = new Map([...keys].map(([key, i]) => [jsonPath([key]), i]));
    const over = new AttributeKeys(this.hints, { from, columns });
    over.#all = this.#all;
    return over;
  }

  /** What to select these rows of the window from, all of them; null where that is not known. */
  async rowsAt(
    session: ReadSession,
    window: MetadataWindow,
    rowids: readonly bigint[],
  ): Promise<string | null> {
    const { from, until } = window;
    return (await session.rowsOf?.({ table: 'logs', from, until, keys: [], rowids })) ?? null;
  }

  /** The only key of log attributes that gives this label name; undefined when there are several, or that is not known. */
  key(name: string): string | undefined {
    const paths = this.paths(name, 'log_attributes') ?? [];
    return paths.length === 1 ? plainPath.exec(paths[0] ?? '')?.[1] : undefined;
  }

  /** The attribute at a path, nullable VARCHAR. */
  value(column: AttributeColumn, path: string): string {
    const i = column === 'log_attributes' ? this.rows.columns.get(path) : undefined;
    return i === undefined ? `json_extract_string(${column}, ${text(path)})` : `attribute_${i}`;
  }

  /** What to search for a text before the value at the only path of this name is taken out of it. */
  texts(name: string, column: AttributeColumn): string {
    const path = this.paths(name, column)?.[0];
    const i = path === undefined || column !== 'log_attributes' ? undefined : this.rows.columns.get(path);
    return i === undefined ? column : `text_${i}`;
  }

  /** Before SQL about these names is made; of several windows in one query, all of them. */
  async learn(session: ReadSession, names: readonly string[], window: MetadataWindow): Promise<void> {
    const needed = names.filter(
      (name) => !streamColumns.includes(name) || names.includes(`${name}${extractedSuffix}`),
    );
    if (needed.length === 0) return;
    if (this.#all !== null) this.#all = await allKeys(session, window, this.#all);
    const unknown = needed.filter((name) => attributeColumns.some((column) => !this.paths(name, column)));
    await this.hints.learn(session, unknown, window.where);
  }

  /** Every path in a column that gives this label name; undefined when that is not known. */
  paths(name: string, column: AttributeColumn): readonly string[] | undefined {
    const known = this.#all?.get(column);
    return known === undefined || known.nested ? undefined : (known.paths.get(name) ?? []);
  }

  /** No record of the window has such an attribute. */
  lacks(name: string): boolean {
    return attributeColumns.every((column) => this.paths(name, column)?.length === 0);
  }

  /** Where attributes of this name were seen, whatever the column. */
  seen(name: string): readonly string[] {
    return this.hints.keys(name);
  }
}

interface KnownKeys {
  readonly paths: Map<string, string[]>;
  /** Some value is an object, whose members are labels as well. */
  nested: boolean;
}

/** The keys of a window, together with those of an earlier one; null when reading them would be work of its own. */
async function allKeys(
  session: ReadSession,
  window: MetadataWindow,
  before: ReadonlyMap<AttributeColumn, KnownKeys> | undefined,
): Promise<ReadonlyMap<AttributeColumn, KnownKeys> | null> {
  const query = { kind: 'log_keys', window, columns: ['origin', 'key'], where: 'TRUE' } as const;
  const rows = await unlessTooMany(keptRows(session, { ...query, maxRows: maxKeys }, true));
  if (rows === null) return null;
  const all = before ?? new Map(attributeColumns.map((name) => [name, { paths: new Map(), nested: false }]));
  for (const { values } of rows) {
    const [column, key] = values as [AttributeColumn, string];
    const known = all.get(column);
    if (!known) continue;
    if (key === '') known.nested = true;
    else if (column !== 'resource_attributes' || !columnKeys.has(key)) add(known.paths, key);
  }
  const count = [...all.values()].reduce((sum, { paths }) => sum + paths.size, 0);
  return count > maxKeys ? null : all;
}

function add(paths: Map<string, string[]>, key: string): void {
  const [name, path] = [lokiLabelName(key), jsonPath([key])];
  const known = paths.get(name) ?? [];
  if (!known.includes(path)) paths.set(name, [...known, path]);
}

/** Matches a key, as it is written in JSON, that gives this label name. */
function keyPattern(name: string): string {
  // A lone asterisk would be taken for a wildcard.
  const other = String.raw`(?:\\u[0-9a-fA-F]{4}|\\.|[^a-zA-Z0-9"\\${name === '_' ? '*' : ''}])`;
  // A key that begins with a digit gets an underscore in front.
  const start = name.replace(/^_(?=\d)/, '');
  return `"${start === name ? '' : `${other}?`}${start.replaceAll('_', other)}"`;
}

/** Nullable VARCHAR: the attribute of this label name, whatever its key, from the first column that has it. */
export function attributeSql(
  name: string,
  known: AttributeKeys,
  columns: readonly AttributeColumn[] = attributeColumns,
): string {
  const plain = !name.includes('_');
  const usual = jsonPath([plain ? name : name.replaceAll('_', '.')]);
  const hints = known.seen(name);
  const keys = plain || hints.length === 0 ? [usual] : hints.slice(0, 4);
  const parts = columns.flatMap((column) => {
    const paths = known.paths(name, column);
    // Of two keys that become one name a record shows the one that it has first.
    if (paths !== undefined && paths.length < 2) {
      return paths.map((path) => known.value(column, path));
    }
    const shown = keys.filter((key) => column !== 'resource_attributes' || !columnPaths.has(key));
    const direct = shown.map((key) => `json_extract_string(${column}, ${text(key)})`);
    if (plain) return direct;
    const pattern = keyPattern(name);
    // Keys that a column shows are no attributes any more.
    const hidden =
      column === 'resource_attributes'
        ? [...columnKeys].filter((key) => lokiLabelName(key) === name).map((key) => text(`"${key}"`))
        : [];
    const found =
      hidden.length === 0
        ? `regexp_extract(${column}, ${text(`(${pattern}):`)}, 1)`
        : `list_filter(regexp_extract_all(${column}, ${text(`(${pattern}):`)}, 1), ` +
          `lambda key: key NOT IN (${hidden.join(', ')}))[1]`;
    // Only rows with another spelling of the key come to the extraction, which is slow.
    const other =
      `CASE WHEN regexp_matches(${column}, ${text(`${pattern}:`)}) THEN ` +
      `json_extract_string(${column}, '$.' || ${found}) END`;
    return [...direct, other, ...(hints.length > 0 ? [] : nestedSql(name, column))];
  });
  return firstOf(parts);
}

/** Most ways to read a label name as a path that are tried. */
const maxPaths = 128;

/** Members of objects, where nothing tells their path yet: any of the name's underscores may stand between an object and its member. */
function nestedSql(name: string, column: AttributeColumn): string[] {
  const [first = '', ...rest] = name.split('_');
  if (first === '' || rest.includes('')) return [];
  const gaps = rest.length;
  const separators = 3 ** gaps - 2 ** gaps <= maxPaths ? ['.', '_'] : 2 ** gaps <= maxPaths ? ['.'] : [];
  let paths: string[][] = [[first]];
  for (const part of rest) {
    paths = paths.flatMap((path) => [
      [...path, part],
      ...separators.map((separator) => [...path.slice(0, -1), `${path.at(-1) ?? ''}${separator}${part}`]),
    ]);
  }
  const nested = paths.filter((path) => path.length > 1).map((path) => text(jsonPath(path)));
  return [
    `CASE WHEN contains(${column}, ':{') THEN list_filter(json_extract_string(${column}, [${nested.join(', ')}]), ` +
      `lambda value: value IS NOT NULL)[1] END`,
  ];
}

/** A label as a number: its value, whether it has one that is none, and whether that is the empty text. */
export interface NumberSql {
  readonly value: string;
  readonly faulty: string;
  readonly empty: string;
}

/** `label`: a nullable VARCHAR expression. */
export function numberSql(label: string): NumberSql {
  const i = /^attribute_(\d+)$/.exec(label)?.[1];
  if (i !== undefined) return { value: `number_${i}`, faulty: `faulty_${i}`, empty: `empty_${i}` };
  const value = `try_cast(${label} AS DOUBLE)`;
  return { value, faulty: `(${label} IS NOT NULL AND ${value} IS NULL)`, empty: `${label} = ''` };
}

/** What no record has. */
export const nothing = 'NULL::VARCHAR';

/** The first of the expressions that is not NULL. */
export function firstOf(parts: readonly string[]): string {
  const some = parts.filter((part) => part !== nothing);
  return some.length > 1 ? `coalesce(${some.join(', ')})` : (some[0] ?? nothing);
}
