/** The worker thread that renews a lease: neither a busy event loop nor a full libuv pool holds it up. */
import { parentPort, workerData } from 'node:worker_threads';
import { LeaseClock } from './clock.js';
import { LeaseFiles, type LeaseRecord } from './record.js';

export interface RenewalData {
  readonly catalog: string;
  readonly record: LeaseRecord;
  readonly clock: SharedArrayBuffer;
}

/** To the worker: a record to write at once, or null to end. */
export type RenewalOrder = Pick<LeaseRecord, 'state' | 'file'> | null;

/** From the worker: an order was carried out, a renewal failed and is tried again, or the lease is lost. */
export type RenewalReport =
  { kind: 'done' } | { kind: 'failed'; reason: string } | { kind: 'lost'; reason: string };

const retryMs = 500;

const port = parentPort;
const data = workerData as RenewalData;
const files = new LeaseFiles(data.catalog);
const clock = new LeaseClock(data.record.leaseMs, data.clock);
let record = data.record;
let timer: NodeJS.Timeout | undefined;
let lost = false;

/** Renews, and gives the reason when the lease turns out to be somebody else's. */
function renew(): string | null {
  const begun = clock.now();
  const before = newer() ?? changed();
  if (before !== null) return before;
  const now = Date.now();
  record = {
    ...record,
    renewals: record.renewals + 1,
    renewedAt: new Date(now).toISOString(),
    expiresAt: new Date(now + record.leaseMs).toISOString(),
  };
  files.replace(record);
  // Whoever takes the next epoch reads this file again after making its own: one of the two sees the other.
  const after = newer();
  if (after !== null) return after;
  clock.extend(begun, record.renewals);
  return null;
}

function newer(): string | null {
  const epoch = files.newest();
  if (epoch <= record.epoch) return null;
  const by = files.read(epoch)?.record;
  return `epoch ${epoch} was taken by ${by ? `process ${by.pid} on ${by.host}` : 'another process'}`;
}

function changed(): string | null {
  const own = files.read(record.epoch);
  if (own === null) return 'its file was removed';
  return own.record?.holder === record.holder ? null : 'its file was replaced by another process';
}

/** One renewal, and the time of the next. True when the record is written. */
function turn(): boolean {
  clearTimeout(timer);
  if (lost) return false;
  let written = false;
  let pause = record.leaseMs / 3;
  // A pause of the whole process past the lease ends it, whether or not somebody took over meanwhile.
  let reason = clock.valid() ? null : 'it could not be renewed in time';
  try {
    reason ??= renew();
    written = reason === null;
  } catch (error) {
    pause = Math.min(retryMs, pause);
    report({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
  }
  if (reason !== null) {
    lost = true;
    clock.end();
    report({ kind: 'lost', reason });
    return false;
  }
  timer = setTimeout(turn, pause);
  return written;
}

function report(message: RenewalReport): void {
  port?.postMessage(message);
}

port?.on('message', (order: RenewalOrder) => {
  if (order === null) {
    clearTimeout(timer);
    port.close();
    return;
  }
  record = { ...record, ...order };
  if (turn()) report({ kind: 'done' });
});
timer = setTimeout(turn, record.leaseMs / 3);
