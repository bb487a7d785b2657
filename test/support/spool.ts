import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  openSpool,
  type Spool,
  type SpoolEntry,
  type SpoolOptions,
  type SpoolStream,
} from '../../src/spool/index.js';
import type { Payload } from '../../src/schema/index.js';
import { createTelemetry, type Telemetry } from '../../src/telemetry/index.js';

export interface TestSpool {
  readonly spool: Spool;
  readonly logs: SpoolStream;
  readonly telemetry: Telemetry;
  /** The sum of a counter's values over all labels; for a histogram, the number of observations. */
  metric(this: void, name: string): Promise<number>;
}

export async function testSpool(dir: string, options: Partial<SpoolOptions> = {}): Promise<TestSpool> {
  const telemetry = createTelemetry('silent');
  const spool = await openSpool({
    dir,
    capacityBytes: 256 * 1024 * 1024,
    segmentBytes: 64 * 1024,
    groupCommitMs: 0,
    telemetry,
    ...options,
  });
  return {
    spool,
    logs: spool.stream('logs'),
    telemetry,
    async metric(name) {
      const metric = await telemetry.registry.getSingleMetric(name)?.get();
      if (!metric) throw new Error(`no metric ${name}`);
      const counts = metric.values.filter((v) => !('metricName' in v) || v.metricName === `${name}_count`);
      return counts.reduce((sum, value) => sum + value.value, 0);
    },
  };
}

export function payload(body: Uint8Array | string, fields: Partial<Payload> = {}): Payload {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return {
    format: 'protobuf',
    encoding: 'identity',
    receivedAtNs: 1_764_000_000_123_456_789n,
    minTimeNs: 1_763_900_000_000_000_000n,
    maxTimeNs: 1_764_000_600_000_000_000n,
    body: new Uint8Array(bytes),
    ...fields,
  };
}

export function randomPayload(bytes: number): Payload {
  return payload(randomBytes(bytes));
}

export function digest(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}

export async function readAll(stream: SpoolStream, from = 0): Promise<SpoolEntry[]> {
  const entries: SpoolEntry[] = [];
  for await (const entry of stream.read(from)) entries.push(entry);
  return entries;
}

export function text(entry: SpoolEntry): string {
  return Buffer.from(entry.payload.body).toString();
}

/** Runs `work` on a file system of its own of `size` (mount syntax), which only root can have. */
export async function onSmallDisk(
  size: string,
  work: (dir: string, remount: (option: 'ro' | 'rw') => void) => Promise<void>,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'canardstack-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', dir]);
  try {
    await work(dir, (option) => execFileSync('mount', ['-o', `remount,${option}`, dir]));
  } finally {
    execFileSync('umount', ['-l', dir]);
    await rm(dir, { recursive: true, force: true });
  }
}

/** The reason to skip tests that mount, or false. */
export function cannotMount(): string | false {
  return process.getuid?.() === 0 && process.platform === 'linux' ? false : 'mounting needs root on Linux';
}
