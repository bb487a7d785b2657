import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { deflateSync, gzipSync } from 'node:zlib';
import { compressSync } from 'snappy';
import type { ContentEncoding } from '../../src/schema/index.js';
import { eventually, sql, type TestServer } from '../../test/support/server.js';
import { hostileRequest, type HostileField } from './requests.js';

const deadBytes = 2 * 1024 ** 3;
const maxBodyBytes = 8 * 1024 * 1024;

export interface Trial {
  readonly field: string;
  readonly format: OtlpFormat;
  readonly count: number;
  readonly encoding: ContentEncoding;
  readonly sentBytes: number;
  /** Bytes before compression. */
  readonly bodyBytes: number;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly rejected: number;
  readonly answer: string;
  readonly answerMs: number;
  /** From its acknowledgement until a query finds the next good record; null: not within 20 s. */
  readonly visibleMs: number | null;
  readonly peakBytes: number;
  readonly dead: boolean;
}

function compress(body: Buffer, encoding: ContentEncoding): Buffer {
  if (encoding === 'gzip') return gzipSync(body, { level: 1 });
  if (encoding === 'deflate') return deflateSync(body, { level: 1 });
  if (encoding === 'snappy') return compressSync(body);
  return body;
}

/** OTLP's two encodings. */
export type OtlpFormat = 'protobuf' | 'json';

const contentTypes = { protobuf: 'application/x-protobuf', json: 'application/json' };

/** Highest resident memory since `resetPeak`, as the kernel keeps it. */
function peakBytes(pid: number): number {
  const kilobytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Sends one hostile request, then a good record; null when the field is not in this format or would not be read. */
export async function runTrial(
  server: TestServer,
  field: HostileField,
  format: OtlpFormat,
  wanted: number,
  encoding: ContentEncoding,
): Promise<Trial | null> {
  const request = hostileRequest(field, format, wanted);
  if (request === null) return null;
  const body = compress(request.body, encoding);
  if (body.length > maxBodyBytes) return null;
  let over = false;
  let gone = false;
  resetPeak(server.pid);
  const watch = setInterval(() => {
    try {
      over ||= peakBytes(server.pid) > deadBytes;
    } catch {
      gone = true;
    }
  }, 20);
  const begun = performance.now();
  let status = 0;
  let answer: string;
  try {
    const response = await fetch(`${server.url}/v1/${field.signal}`, {
      method: 'POST',
      headers: {
        'content-type': contentTypes[format],
        ...(encoding !== 'identity' && { 'content-encoding': encoding }),
      },
      body: Uint8Array.from(body),
      signal: AbortSignal.timeout(60_000),
    });
    answer = await response.text();
    ({ status } = response);
  } catch (error) {
    answer = String(error);
  }
  const answerMs = performance.now() - begun;
  const visibleMs = await goodRecord(server).catch(() => null);
  let peak = 0;
  try {
    peak = peakBytes(server.pid);
  } catch {
    gone = true;
  }
  clearInterval(watch);
  return {
    field: field.name,
    format,
    count: request.count,
    encoding,
    sentBytes: body.length,
    bodyBytes: request.body.length,
    status,
    rejected: Number(
      /"rejected\w+":"?(\d+)/.exec(answer)?.[1] ??
        (status === 200 && answer !== '' && answer !== '{}' ? 1 : 0),
    ),
    answer: printable(answer),
    answerMs,
    visibleMs,
    peakBytes: peak,
    dead: gone || over,
  };
}

function printable(answer: string): string {
  return answer.replaceAll(/[^\x20-\x7e]+/g, ' ').trim();
}

let serial = 0;

/** Milliseconds from the acknowledgement of a record until a query finds it. */
async function goodRecord(server: TestServer): Promise<number> {
  const mark = `good-${process.pid}-${serial++}`;
  const now = `${Date.now()}000000`;
  const record = { timeUnixNano: now, body: { stringValue: mark } };
  const begun = performance.now();
  // Refused for a moment is honest; the clock goes on.
  await eventually(async () => {
    const response = await fetch(`${server.url}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] }),
    });
    await response.arrayBuffer();
    if (response.status === 200) return true;
    await sleep(100);
    return undefined;
  });
  await eventually(async () => {
    const rows = await sql(server, `SELECT count(*) AS n FROM lake.logs WHERE body = '${mark}'`);
    return Number(rows[0]?.['n']) === 1 ? true : undefined;
  });
  return performance.now() - begun;
}
