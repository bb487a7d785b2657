import assert from 'node:assert/strict';
import { eventually, sql } from '../../test/support/server.js';

/** The server that clients send to. */
export interface Door {
  readonly url: string;
  /** Of `CANARDSTACK_API_KEY`; empty when it has none. */
  readonly key: string;
}

/** What a client is asked to send, and a comparison with what arrived; it throws what differs. */
export interface ClientCheck {
  readonly name: string;
  run(door: Door): Promise<void>;
}

export const bearer = (key: string): Record<string, string> =>
  key === '' ? {} : { authorization: `Bearer ${key}` };

/** Rows of a SELECT, once there are `count` of them. */
async function rowsOf({ url, key }: Door, select: string, count: number): Promise<Record<string, unknown>[]> {
  let last: Record<string, unknown>[] = [];
  try {
    return await eventually(async () => {
      last = await sql({ url, headers: bearer(key) }, select);
      return last.length >= count ? last : undefined;
    });
  } catch {
    throw new Error(`${last.length} of ${count} rows arrived: ${JSON.stringify(last).slice(0, 1000)}`);
  }
}

/** Records of a service: body, severity, attributes, those of its resource, whole; in the order of their bodies. */
export async function logsOf(door: Door, service: string, count: number): Promise<Log[]> {
  const rows = await rowsOf(
    door,
    `SELECT body, severity_text, severity_number, detected_level, log_attributes, resource_attributes, source_format,
       time_unix_nano::VARCHAR AS t, trace_id FROM lake.logs WHERE service_name = '${service}' ORDER BY body`,
    count,
  );
  assert.equal(rows.length, count, `rows of ${service}`);
  return rows.map((row) => ({
    body: row['body'] as string,
    level: row['detected_level'] as string | null,
    format: row['source_format'] as string,
    ms: Number(BigInt(row['t'] as string) / 1_000_000n),
    traceId: row['trace_id'] as string | null,
    attributes: parsed(row['log_attributes']),
    resource: parsed(row['resource_attributes']),
  }));
}

export interface Log {
  readonly body: string;
  readonly level: string | null;
  readonly format: string;
  readonly ms: number;
  readonly traceId: string | null;
  readonly attributes: Record<string, unknown>;
  readonly resource: Record<string, unknown>;
}

function parsed(value: unknown): Record<string, unknown> {
  return JSON.parse((value as string | null) ?? '{}') as Record<string, unknown>;
}

/** Within two minutes, for times that a client sets itself. */
export function assertRecent(ms: number): void {
  assert.ok(Math.abs(Date.now() - ms) < 120_000, `the time ${new Date(ms).toISOString()} is not of now`);
}
