import type { DuckDBConnection } from '@duckdb/node-api';
import { inTransaction, literal } from '../../duckdb/index.js';
import { setMeta } from '../schema.js';

/** What the catalog keeps of time, for all nodes. */
export interface ClockRecord {
  /** The lake's time when it was written, milliseconds since the epoch. */
  readonly lakeMs: number;
  /** How long nodes have run on this lake, by their monotonic clocks. */
  readonly provenMs: number;
  /** Grows with each word of a person about the clock, which replaces what nodes believe. */
  readonly word: number;
}

/** What one node last said of its wall clock. */
export interface NodeRecord {
  readonly provenMs: number;
  /** Its wall clock less the lake's time. */
  readonly offsetMs: number;
  readonly host: string;
}

export interface ClockRecords {
  readonly record: ClockRecord | null;
  readonly nodes: ReadonlyMap<string, NodeRecord>;
}

const clockKey = 'clock';
const nodePrefix = 'clock_node:';
/** Nodes that have not been heard of for so long are forgotten. */
const forgottenMs = 7 * 86_400_000;

export async function readClock(connection: DuckDBConnection): Promise<ClockRecords> {
  const reader = await connection.runAndReadAll(
    `SELECT key, value FROM lake.main.canardstack_meta WHERE key = ${literal(clockKey)} OR starts_with(key, ${literal(nodePrefix)})`,
  );
  let record: ClockRecord | null = null;
  const nodes = new Map<string, NodeRecord>();
  for (const [key, value] of reader.getRows() as [string, string][]) {
    const found = parsed(value);
    const { lakeMs, provenMs, word, offsetMs, host } = found;
    if (!isNumber(provenMs)) continue;
    if (key === clockKey && isNumber(lakeMs)) record = { lakeMs, provenMs, word: isNumber(word) ? word : 0 };
    if (key !== clockKey && isNumber(offsetMs))
      nodes.set(key.slice(nodePrefix.length), { provenMs, offsetMs, host: String(host) });
  }
  return { record, nodes };
}

/** In a transaction of its own. */
export async function writeClock(
  connection: DuckDBConnection,
  record: ClockRecord,
  nodeId: string,
  node: NodeRecord,
  known: ClockRecords['nodes'],
): Promise<void> {
  await inTransaction(connection, async () => {
    await setMeta(connection, clockKey, JSON.stringify(record));
    await setMeta(connection, nodePrefix + nodeId, JSON.stringify(node));
    for (const [id, { provenMs }] of known) {
      if (id === nodeId || provenMs > record.provenMs - forgottenMs) continue;
      await connection.run(`DELETE FROM lake.main.canardstack_meta WHERE key = ${literal(nodePrefix + id)}`);
    }
  });
}

function parsed(text: string): Partial<Record<keyof ClockRecord | keyof NodeRecord, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
