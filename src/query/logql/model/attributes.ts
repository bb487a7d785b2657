import type { ReadSession } from '../../../lake/session.js';
import { eachLeaf } from '../../attributes/each-attribute.js';
import { lokiLabelName } from '../../attributes/label-name.js';
import { attributeColumns, columnKeys, type AttributeColumn } from './columns.js';
import { literal as text } from '../../sql/literal.js';

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
  hints: readonly string[],
  columns: readonly AttributeColumn[] = attributeColumns,
): string {
  const plain = !name.includes('_');
  const usual = jsonPath([plain ? name : name.replaceAll('_', '.')]);
  const keys = plain || hints.length === 0 ? [usual] : hints.slice(0, 4);
  const parts = columns.flatMap((column) => {
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
    return [...direct, other];
  });
  return parts.length === 0
    ? 'NULL::VARCHAR'
    : parts.length === 1
      ? (parts[0] as string)
      : `coalesce(${parts.join(', ')})`;
}
