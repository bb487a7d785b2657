import { ident, listLiteral, literal } from '../../duckdb/index.js';
import { columnName, isTyped, keyPath, mayHaveColumn, type AttributeColumn } from './names.js';

export interface ColumnChoice {
  /** Most columns of a file; 0: none. */
  readonly most: number;
  /** Keys that get a column wherever they occur, before all others. */
  readonly pinned: readonly string[];
  /** Keys that queries asked for, most wanted first. */
  readonly asked: readonly string[];
}

/** What a sample of a file's rows has of a key. */
export interface KeyFacts {
  readonly key: string;
  readonly records: number;
  readonly distinct: number;
  /** Every value is a JSON number. */
  readonly numeric: boolean;
  /** Characters of a value, on average. */
  readonly length: number;
}

const sampledFiles = 5;
const sampledRows = 2000;
/** Of the sampled records; what is rarer gets a column only when it is asked for. */
const oftenShare = 0.05;
/** Longer texts are read by people, not compared. */
const longText = 64;

/** Rows of `KeyFacts` in the order of its fields, and the number of records before it. */
export function sampleSql(files: readonly string[], origin: string): string {
  const step = Math.max(1, Math.ceil(files.length / sampledFiles));
  const parts = files
    .filter((_, i) => i % step === 0)
    .map(
      (file) =>
        `(SELECT ${ident(origin)} AS attributes FROM read_parquet(${listLiteral([file])}, hive_partitioning => false) LIMIT ${sampledRows})`,
    );
  return `WITH sample AS MATERIALIZED (${parts.join(' UNION ALL ')}),
    pairs AS (SELECT unnest(json_keys(attributes)) AS key, attributes FROM sample),
    found AS (SELECT key, json_extract(attributes, '$."' || key || '"') AS value FROM pairs
      WHERE regexp_full_match(key, '[A-Za-z0-9_./-]{1,100}'))
    SELECT (SELECT count(*) FROM sample), key, count(value), count(DISTINCT value::VARCHAR),
      bool_and(json_type(value) IN ('DOUBLE', 'BIGINT', 'UBIGINT')), avg(strlen(value::VARCHAR))
    FROM found GROUP BY key`;
}

/**
 * The columns that a file gets: pinned keys, then those asked for, then the most frequent. Numbers of many different
 * values become DOUBLE, as their texts are never compared; DuckDB takes names of columns for equal whatever their case.
 */
export function chooseColumns(
  origin: string,
  records: number,
  facts: readonly KeyFacts[],
  { most, pinned, asked }: ColumnChoice,
): AttributeColumn[] {
  const rank = (key: string) => {
    const [first, second] = [pinned.indexOf(key), asked.indexOf(key)];
    return first >= 0 ? first : second >= 0 ? pinned.length + second : pinned.length + asked.length;
  };
  const unranked = pinned.length + asked.length;
  const names = new Set<string>();
  const wanted = facts
    .filter((fact) => {
      const { key, records: n, length } = fact;
      if (!mayHaveColumn(key) || n === 0) return false;
      // As texts, measurements take more than all else, and are neither listed nor searched for.
      if (rank(key) >= unranked && isTyped(origin) && isMeasured(fact)) return false;
      return rank(key) < unranked || (n >= records * oftenShare && length <= longText);
    })
    .sort((a, b) => rank(a.key) - rank(b.key) || b.records - a.records || (a.key < b.key ? -1 : 1))
    .filter(({ key }) => {
      const folded = key.toLowerCase();
      return names.has(folded) ? false : names.add(folded);
    });
  return wanted.slice(0, most).map((fact) => ({
    origin,
    key: fact.key,
    kind: isTyped(origin) ? 'json' : isMeasured(fact) ? 'number' : 'text',
  }));
}

function isMeasured({ numeric, distinct, records }: KeyFacts): boolean {
  return numeric && distinct > records / 4;
}

/**
 * The columns as SQL over rows that have `values`, the list that `valuesSql` gives: the JSON text is parsed once for all of
 * them. `json_transform` would take a third less, but writes exponents in another way than `json_extract_string`.
 */
export function columnsSql(columns: readonly AttributeColumn[], values: string): string[] {
  return columns.map((column, i) => {
    const value = `${values}[${i + 1}]`;
    const sql =
      column.kind !== 'number'
        ? value
        : `CASE WHEN ${value} IS NOT NULL THEN coalesce(try_cast(${value} AS DOUBLE), 'nan'::DOUBLE) END`;
    return `${sql} AS ${ident(columnName(column))}`;
  });
}

/** Of columns with one origin. */
export function valuesSql(origin: string, columns: readonly AttributeColumn[]): string {
  const paths = columns.map(({ key }) => literal(keyPath(key)));
  const list = `${ident(origin)}, [${paths.join(', ')}]`;
  return isTyped(origin) ? `json_extract(${list})::VARCHAR[]` : `json_extract_string(${list})`;
}
