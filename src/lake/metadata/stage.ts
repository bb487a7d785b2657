import { createHash } from 'node:crypto';
import { ident } from '../../duckdb/index.js';
import { layoutOf, type MetadataKind } from './layout.js';

/** Presence is kept by the hour, so that a window which ends within a file leaves little of it to read. */
export const hourNs = 3_600_000_000_000n;

/** Label sets or keys of a kind hour by hour, each with first and last time, rows and bytes: of rows of the table, or of what has its columns. */
export function stageSql(kind: MetadataKind, where: string, from?: string): string {
  return layoutOf(kind).hourly(where, hourNs, from);
}

/** Tells label sets or keys apart. No file has it, as another DuckDB may write JSON otherwise. */
export function digestSql(kind: MetadataKind): string {
  const names = layoutOf(kind).columns.map(({ name }) => ident(name));
  const packed = names.map((name) => `${name} := ${name}`).join(', ');
  return `sha256(to_json(struct_pack(${packed}))::VARCHAR)`;
}

/** Another one where another release would keep something else. */
export function madeBy(kind: MetadataKind): string {
  const types = layoutOf(kind).columns.map(({ type }) => type);
  return createHash('sha256')
    .update(`${stageSql(kind, 'TRUE', 'rows')} ${types.join(' ')}`)
    .digest('hex')
    .slice(0, 16);
}
