import type { DuckDBConnection } from '@duckdb/node-api';
import { ident, literal, qualified, timestampLiteral } from '../../duckdb/index.js';
import { tables } from '../../schema/index.js';
import { lakeMetadata } from '../files/known-files.js';

/** The name under which canardstack exports its own telemetry, whose times are those of the clock in question. */
const ownService = 'canardstack';
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** How far records of honest clients may be ahead; beyond it they are refused at receipt by default. */
const aheadMs = 600_000;
const mostServicesAsked = 5;
const listed = 10_000;

export interface EvidenceQuery {
  readonly wallMs: number;
  readonly lakeMs: number;
  /** Records of between this and the wall clock's time speak against it. */
  readonly contraryFromMs: number;
  /** Only rows committed after this snapshot count: what was there before says nothing of now. */
  readonly sinceSnapshot: number;
}

export interface Evidence {
  /** True when what clients have sent since speaks for the wall clock. */
  readonly agrees: boolean;
  /** Services whose fresh records agree with the wall clock, and how many must. */
  readonly services: number;
  readonly needed: number;
  readonly agreeing: number;
  /** Fresh records of another time. */
  readonly contrary: number;
}

/**
 * What fresh telemetry says of the wall clock. Records carry their senders' times, so those of other hosts are clocks of
 * their own. As many services must agree as half of those that the lake knew in its last days, five at most, and more
 * records than speak against it.
 */
export async function fresh(connection: DuckDBConnection, query: EvidenceQuery): Promise<Evidence> {
  const { wallMs, lakeMs, contraryFromMs, sinceSnapshot } = query;
  const near = `timestamp BETWEEN ${timestampLiteral(wallMs - hourMs)} AND ${timestampLiteral(wallMs + aheadMs)}`;
  const from = timestampLiteral(Math.min(contraryFromMs, wallMs - hourMs));
  const services = new Set<string>();
  let [agreeing, contrary] = [0, 0];
  for (const { name } of tables) {
    const reader = await connection.runAndReadAll(
      `SELECT coalesce(service_name, ''), count(*) FILTER (WHERE ${near}), count(*) FILTER (WHERE NOT ${near})
       FROM lake.main.${ident(name)} WHERE snapshot_id > ${sinceSnapshot} AND timestamp >= ${from}
         AND service_name IS DISTINCT FROM ${literal(ownService)}
       GROUP BY ALL LIMIT ${listed}`,
    );
    for (const [service, for_, against] of reader.getRows()) {
      agreeing += Number(for_);
      contrary += Number(against);
      if (Number(for_) > 0) services.add(String(service));
    }
  }
  const needed = Math.max(1, Math.min(mostServicesAsked, Math.ceil((await known(connection, lakeMs)) / 2)));
  const agrees = services.size >= needed && agreeing > contrary;
  return { agrees, services: services.size, needed, agreeing, contrary };
}

async function known(connection: DuckDBConnection, lakeMs: number): Promise<number> {
  const day = new Date(lakeMs - 2 * dayMs).toISOString().slice(0, 10);
  const reader = await connection.runAndReadAll(
    `SELECT count(DISTINCT service_name) FROM lake.main.metadata_summary
     WHERE day >= DATE ${literal(day)} AND service_name IS DISTINCT FROM ${literal(ownService)}`,
  );
  return Number(reader.getRows()[0]?.[0]);
}

/** When rows were last committed, by the clock of the node that did; else the newest time that a record carries. */
export async function lastIngestMs(connection: DuckDBConnection): Promise<number | null> {
  const latest = async (columns: readonly { readonly table: string; readonly column: string }[]) => {
    const each = columns.map(
      ({ table, column }) => `SELECT max(${column}) AS latest FROM lake.main.${table}`,
    );
    const reader = await connection.runAndReadAll(
      `SELECT epoch_ms(max(latest)) FROM (${each.join(' UNION ALL ')})`,
    );
    const [value] = reader.getRows()[0] ?? [];
    return value === null || value === undefined ? null : Number(value);
  };
  const committed = await latest([{ table: 'canardstack_progress', column: 'updated_at' }]);
  if (committed !== null) return committed;
  const filled = await everFilled(connection);
  const asked = tables.filter(({ name }) => filled.has(name));
  return asked.length === 0
    ? null
    : latest(asked.map(({ name }) => ({ table: ident(name), column: 'timestamp' })));
}

/** Names of tables that ever had a row. Each of the others takes DuckLake dozens of requests to a catalog server. */
async function everFilled(connection: DuckDBConnection): Promise<ReadonlySet<string>> {
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRows();
  // A statement for each of the catalog's tables: a catalog server can't read two in one.
  const numbers = await rows(`SELECT table_id FROM ${qualified(lakeMetadata, 'ducklake_table_stats')}`);
  const filled = new Set(numbers.map(([id]) => String(id)));
  const named = await rows(`SELECT table_id, table_name FROM ${qualified(lakeMetadata, 'ducklake_table')}`);
  return new Set(named.filter(([id]) => filled.has(String(id))).map(([, name]) => String(name)));
}

export async function currentSnapshot(connection: DuckDBConnection): Promise<number> {
  const reader = await connection.runAndReadAll(`SELECT id FROM ducklake_current_snapshot('lake')`);
  return Number(reader.getRows()[0]?.[0]);
}
