import { typedColumn } from '../../../../lake/attribute-columns/index.js';
import { rowsOfTable } from '../../../../lake/direct/rows.js';
import { ident } from '../../../../duckdb/index.js';
import type { QueryContext } from '../../../server/guard.js';
import { literal, literalList } from '../../../sql/literal.js';
import { keptRows, unlessTooMany } from '../../../sql/listing.js';
import type { MetadataWindow } from '../../../sql/metadata.js';

/** What to select spans of a window from. */
export interface SpanSource {
  readonly from: string;
  /** In SQL, the values of `peerKeys` in their order as a list of text; some may be empty. */
  readonly peers: string;
}

/** Attributes of a client's span that say whom it calls. */
export const peerKeys = [
  ...['peer.service', 'service.peer.name', 'db.namespace', 'db.name', 'db.system.name', 'db.system'],
  ...['server.address', 'network.peer.address', 'network.peer.port'],
];

/** With more of them it is faster to parse the attributes once, where files have no columns for them. */
const mostColumns = 2;

/**
 * All of them at once: a path by itself would parse the span's attributes once more. As something random, which it is not: else
 * conditions on what is made of it move below it, and it is computed anew for each mention.
 */
function once(list: string): string {
  return `CASE WHEN random() < 2 THEN ${list} END`;
}

const parsed = once(
  `json_extract_string(span_attributes, [${peerKeys.map((key) => literal(`$.${JSON.stringify(key)}`)).join(', ')}])`,
);

/** `peers`: they are asked for. */
export async function spanSource(
  { session, limits }: QueryContext,
  window: MetadataWindow,
  peers: boolean,
): Promise<SpanSource> {
  const { from, until } = window;
  const request = { table: 'spans', from, until } as const;
  const rows = (await session.rowsOf?.({ ...request, keys: [] })) ?? null;
  if (rows === null) return { from: 'lake.main.spans', peers: parsed };
  // Of the same snapshot, so that there are no others in its rows.
  const query = {
    kind: 'span_keys',
    window,
    columns: ['origin', 'key'],
    maxRows: limits.maxRows,
    where: `origin = 'span_attributes' AND key IN ${literalList(peerKeys)}`,
  } as const;
  const found = peers ? await unlessTooMany(keptRows(session, query, true)) : null;
  if (found === null) return { from: rows, peers: parsed };
  const has = new Set(
    found.flatMap(({ values: [origin, key] }) => (origin === 'span_attributes' ? [key] : [])),
  );
  const keys = peerKeys.filter((key) => has.has(key));
  if (keys.length > mostColumns) return { from: rows, peers: parsed };
  const text = (key: string) =>
    has.has(key) ? `json_extract_string(${ident(typedColumn('value', key))}, '$')` : 'NULL';
  const list = `[${peerKeys.map(text).join(', ')}]::VARCHAR[]`;
  if (keys.length === 0) return { from: rows, peers: list };
  const withKeys = { ...request, keys };
  return { from: (await session.rowsOf?.(withKeys)) ?? rowsOfTable(withKeys), peers: once(list) };
}
