import { signals, type Signal } from '../../src/schema/index.js';
import { sql, type Asked } from '../../test/support/server.js';
import type { Sent } from './workload.js';

const ofService = "service_name = 'drill'";
/** Series of remote write have no resource, and so no service. */
const recordId: Record<Signal, { table: string; column: string; where: string }> = {
  logs: { table: 'logs', column: 'body', where: ofService },
  traces: { table: 'spans', column: 'span_name', where: ofService },
  metrics: {
    table: 'metric_gauge',
    column: `json_extract_string(metric_attributes, '$.id')`,
    where: "metric_name = 'drill'",
  },
};

export interface Verdict {
  readonly acknowledged: number;
  /** Requests that were not acknowledged but are there, whole (the answer was lost). */
  readonly unacknowledgedPresent: number;
  /** Acknowledged requests with records missing. */
  readonly missing: readonly string[];
  /** Requests with a record there more than once. */
  readonly duplicated: readonly string[];
  /** Requests of which only a part is there. */
  readonly torn: readonly string[];
}

/** Compares what is in the lake, record by record, with what was sent under one id prefix. */
export async function verify(server: Asked, prefix: string, sent: readonly Sent[]): Promise<Verdict> {
  const found = new Map<string, { rows: number; distinct: number }>();
  for (const signal of signals) {
    const { table, column, where } = recordId[signal];
    const rows = await sql(
      server,
      `SELECT split_part(id, '/', 1) AS request, count(*)::INTEGER AS n, count(DISTINCT id)::INTEGER AS d
       FROM (SELECT ${column} AS id FROM lake.${table} WHERE ${where})
       WHERE starts_with(id, '${prefix}-') GROUP BY 1`,
    );
    for (const row of rows) {
      found.set(row['request'] as string, { rows: Number(row['n']), distinct: Number(row['d']) });
    }
  }
  const missing: string[] = [];
  const duplicated: string[] = [];
  const torn: string[] = [];
  let unacknowledgedPresent = 0;
  for (const request of sent) {
    const there = found.get(request.id);
    found.delete(request.id);
    if (!there) {
      if (request.acked) missing.push(request.id);
      continue;
    }
    if (there.rows > there.distinct) duplicated.push(request.id);
    if (there.distinct < request.records) (request.acked ? missing : torn).push(request.id);
    if (!request.acked) unacknowledgedPresent++;
  }
  // Rows of requests that were never sent would be as wrong.
  torn.push(...found.keys());
  return {
    acknowledged: sent.filter((request) => request.acked).length,
    unacknowledgedPresent,
    missing,
    duplicated,
    torn,
  };
}

export function assertExact(verdict: Verdict, context: string): void {
  const { missing, duplicated, torn } = verdict;
  if (missing.length + duplicated.length + torn.length > 0) {
    throw new Error(
      `${context}: ${missing.length} missing, ${duplicated.length} duplicated, ${torn.length} torn: ` +
        [...missing, ...duplicated, ...torn].slice(0, 10).join(', '),
    );
  }
}
