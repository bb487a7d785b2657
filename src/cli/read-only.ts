import type { EffectiveConfig } from '../config/index.js';
import { openLake, readOnlySql, type SqlResult } from '../lake/index.js';
import { createTelemetry } from '../telemetry/index.js';

export interface ReadOnlyLake {
  sql(text: string, maxRows: number): Promise<SqlResult>;
  close(): Promise<void>;
}

/** The lake without a server, for reading. Rejects when a server on another address holds it. */
export async function openReadOnly(config: EffectiveConfig): Promise<ReadOnlyLake> {
  const lake = await openLake({
    config,
    telemetry: createTelemetry('silent'),
    nodeId: 'sql',
    readOnly: true,
  });
  return {
    sql: (text, maxRows) =>
      lake.readers.withSession(AbortSignal.timeout(config.queryTimeoutMs), (session) =>
        readOnlySql(session, text, { maxRows }),
      ),
    close: () => lake.close(),
  };
}
