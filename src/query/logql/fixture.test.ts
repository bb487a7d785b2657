/** A Loki API over a real lake; a test file by its name only so that it is not published. */
import { Writable } from 'node:stream';
import Fastify, { type FastifyInstance } from 'fastify';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { createTelemetry } from '../../telemetry/index.js';
import type { QueryLimits } from '../server/guard.js';
import { lokiApi } from './index.js';

/** 2023-11-14T22:00:00Z, the beginning of the test data. */
export const start = 1_700_000_000_000_000_000n - 800_000_000_000n;

export interface TestLoki {
  readonly lake: TestLake;
  readonly app: FastifyInstance;
  get(path: string, params?: Record<string, string>, headers?: Record<string, string>): Promise<Answer>;
  /** Log lines of the process. */
  logged(): string;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type: string;
  json<T = Body>(): T;
}

export interface Body {
  readonly status: string;
  readonly data: {
    readonly resultType: string;
    readonly encodingFlags?: readonly string[];
    readonly result: readonly Item[];
    readonly stats: {
      readonly summary: { readonly totalEntriesReturned: number; readonly totalLinesProcessed: number };
    };
  };
}

export interface Item {
  readonly stream: Record<string, string>;
  readonly metric: Record<string, string>;
  readonly values: readonly (readonly [time: string | number, value: string, extra?: object])[];
  readonly value: readonly [time: number, value: string];
}

interface LogRow {
  /** Seconds after `start`. */
  readonly at: number;
  readonly ns?: bigint;
  readonly service?: string;
  readonly severity?: number;
  readonly severityText?: string;
  readonly body?: string;
  readonly attributes?: Record<string, unknown>;
  readonly resource?: Record<string, unknown>;
  readonly columns?: Record<string, unknown>;
}

export function logRow(row: LogRow): Record<string, unknown> {
  const time = start + BigInt(row.at) * 1_000_000_000n + (row.ns ?? 0n);
  const resource = { ...(row.service && { 'service.name': row.service }), ...row.resource };
  return {
    timestamp: new Date(Number(time / 1_000_000n)).toISOString().replace('Z', ''),
    time_unix_nano: time,
    severity_number: row.severity ?? null,
    severity_text: row.severityText ?? null,
    body: row.body ?? null,
    log_attributes: row.attributes ? JSON.stringify(row.attributes) : null,
    service_name: row.service ?? null,
    resource_attributes: Object.keys(resource).length > 0 ? JSON.stringify(resource) : null,
    ...row.columns,
  };
}

export async function testLoki(limits: Partial<QueryLimits> = {}): Promise<TestLoki> {
  const lake = await testLake(limits);
  let text = '';
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      text += chunk.toString();
      done();
    },
  });
  const app = Fastify();
  await app.register(lokiApi({ guard: lake.guard, telemetry: createTelemetry('info', sink) }));
  return {
    lake,
    app,
    logged: () => text,
    async get(path, params = {}, headers = {}) {
      const query = new URLSearchParams(params).toString();
      const response = await app.inject({ method: 'GET', url: `/loki/api/v1/${path}?${query}`, headers });
      return {
        status: response.statusCode,
        body: response.body,
        type: String(response.headers['content-type']),
        json: <T>() => response.json<T>(),
      };
    },
    async close() {
      await app.close();
      await lake.close();
    },
  };
}
