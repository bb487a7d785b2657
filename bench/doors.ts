/** Each protocol one after another into a server of its own. Bodies count before snappy. */
import { randomBytes } from 'node:crypto';
import { cpus } from 'node:os';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { doors, requestOf, type Door, type DoorRecord } from '../drill/doors/doors.js';
import { BatchDecoder } from '../src/decode/batch/decoder.js';
import type { ContentEncoding, PayloadFormat, Signal } from '../src/schema/index.js';
import { metricSum } from '../test/support/metrics.js';
import { logsRequest, metricsRequest, spansRequest } from '../test/support/otlp.js';
import { startServer } from '../test/support/server.js';
import { load } from './load.js';
import { options } from './options.js';
import { cpuSeconds } from './process.js';
import { table } from './statistics.js';
import { recordAttributes, resource } from './workload.js';

const args = options(
  'npm run bench:doors',
  "The same records by each protocol: what a second takes in, and what the server's CPU costs a GB and a record.",
  {
    seconds: { value: 10, text: 'how long each measurement lasts' },
    connections: { value: 4, text: 'connections that send' },
    only: {
      value: '',
      of: 'NAMES',
      text: 'protocols that are sent, with commas between: loki_json,zipkin_json',
    },
    decode: { flag: true, text: 'the decoder alone, in this thread' },
    profile: { of: 'FOLDER', text: "where to write the server's CPU profile" },
  },
);
const { seconds } = args;
const records = 1000;
const requests = 32;

function line(): string {
  return (
    `request ${randomBytes(6).toString('hex')} of session ${randomBytes(10).toString('hex')} ` +
    `finished in ${Math.floor(Math.random() * 900)} ms with code ${Math.floor(Math.random() * 9)}`
  );
}

function recordsOf(signal: Signal): DoorRecord[] {
  const ms = Date.now();
  return Array.from({ length: records }, (_, i) => ({
    ms,
    id: signal === 'logs' ? line() : signal === 'traces' ? 'GET /api/cart' : `series-${i}`,
    level: i % 20 === 0 ? 'error' : 'info',
    value: Math.random() * 1e6,
    attributes:
      signal === 'metrics' ? { 'http.route': '/api/cart', shard: i, zone: `z${i % 3}` } : recordAttributes(),
  }));
}

/** The same in OTLP. */
function otlpBody(signal: Signal, of: ReturnType<typeof resource>, all: readonly DoorRecord[]): Uint8Array {
  const ns = ({ ms }: DoorRecord) => BigInt(ms) * 1_000_000n;
  switch (signal) {
    case 'logs':
      return logsRequest(
        of,
        all.map((one) => ({
          timeNs: ns(one),
          body: one.id,
          severityText: one.level ?? '',
          severity: one.level === 'error' ? 17 : 9,
          attributes: one.attributes,
        })),
      );
    case 'traces':
      return spansRequest(
        of,
        all.map((one) => ({
          traceId: randomBytes(16),
          spanId: randomBytes(8),
          name: one.id,
          startNs: ns(one),
          endNs: ns(one) + 1_500_000n,
          attributes: one.attributes,
        })),
      );
    case 'metrics':
      return metricsRequest(
        of,
        [
          {
            name: 'drill',
            kind: 'gauge',
            points: all.map((one) => ({
              timeNs: ns(one),
              value: one.value ?? 0,
              attributes: { ...one.attributes, id: one.id },
            })),
          },
        ],
        BigInt(Date.now() - 3_600_000) * 1_000_000n,
      );
  }
}

interface Subject {
  readonly name: string;
  readonly signal: Signal;
  readonly format: PayloadFormat;
  readonly encoding: ContentEncoding;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodies: readonly Uint8Array[];
  /** Before compression. */
  readonly bytesPerRecord: number;
}

const each = <T>(make: (i: number) => T) => Array.from({ length: requests }, (_, i) => make(i));
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function otlp(signal: Signal): Subject {
  const bodies = each((i) => otlpBody(signal, resource(i), recordsOf(signal)));
  return {
    name: `otlp ${signal}`,
    signal,
    format: 'protobuf',
    encoding: 'identity',
    path: `/v1/${signal}`,
    headers: { 'content-type': 'application/x-protobuf' },
    bodies,
    bytesPerRecord: mean(bodies.map(({ length }) => length)) / records,
  };
}

function through(door: Door): Subject {
  const given = each((i) => [resource(i), recordsOf(door.signal)] as const);
  return {
    name: door.name,
    signal: door.signal,
    format: door.name,
    encoding: door.snappy ? 'snappy' : 'identity',
    path: door.path,
    headers: door.headers,
    bodies: given.map(([of, all]) => requestOf(door, of, all).body),
    bytesPerRecord: mean(given.map(([of, all]) => door.body(of, all).length)) / records,
  };
}

interface Cost {
  readonly recordsPerSecond: number;
  readonly cpuMicrosPerRecord: number;
}

async function ingest({ signal, path, headers, bodies, bytesPerRecord }: Subject): Promise<Cost> {
  const server = await startServer({
    env: { CANARDSTACK_LOG_LEVEL: 'warn' },
    ...(args.profile ? { nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${args.profile}`] } : {}),
  });
  try {
    const workload = {
      signal,
      path,
      headers,
      body: (n: number) => bodies[n % bodies.length] as Uint8Array,
      recordsPerRequest: records,
      bytesPerRecord,
    };
    const run = (length: number) =>
      load(server.url, workload, { connections: args.connections, seconds: length });
    await run(2);
    const drained = async () => {
      while ((await metricSum(server, 'canardstack_seal_backlog_bytes')) > 0) await sleep(100);
    };
    await drained();
    const before = cpuSeconds(server.pid);
    const result = await run(seconds);
    await drained();
    if (result.failed > 0) throw new Error(`${result.failed} requests failed`);
    const cpu = cpuSeconds(server.pid) - before;
    return {
      recordsPerSecond: result.ackedRecords / result.seconds,
      cpuMicrosPerRecord: (cpu / result.ackedRecords) * 1e6,
    };
  } finally {
    await server.stop();
    await rm(server.dataDir, { recursive: true, force: true });
  }
}

function decode({ name, signal, format, encoding, bodies }: Subject): Cost {
  const receivedAtNs = BigInt(Date.now()) * 1_000_000n;
  const group = bodies.slice(0, 8).map((body) => ({
    format,
    encoding,
    receivedAtNs,
    minTimeNs: 0n,
    maxTimeNs: receivedAtNs * 2n,
    body: Uint8Array.from(body),
  }));
  const decoder = new BatchDecoder(signal, {});
  const run = (until: number) => {
    let groups = 0;
    for (; performance.now() < until; groups++) {
      for (const result of decoder.decode(group, Infinity).results) {
        if (!result.ok || result.rejected > 0) throw new Error(`${name}: ${JSON.stringify(result)}`);
      }
    }
    return groups;
  };
  run(performance.now() + seconds * 1000);
  const begun = performance.now();
  const cpu = process.cpuUsage();
  const decoded = run(begun + seconds * 1000) * group.length * records;
  const { user, system } = process.cpuUsage(cpu);
  return {
    recordsPerSecond: decoded / ((performance.now() - begun) / 1000),
    cpuMicrosPerRecord: (user + system) / decoded,
  };
}

const only = args.only === '' ? null : args.only.split(',');
console.log(`${cpus()[0]?.model ?? ''}, ${cpus().length} cores, Node ${process.version}, ${seconds} s each`);
const rows: (string | number)[][] = [];
for (const signal of ['logs', 'traces', 'metrics'] as const) {
  const subjects = [
    () => otlp(signal),
    ...doors.filter((door) => door.signal === signal).map((door) => () => through(door)),
  ];
  for (const make of subjects) {
    const subject = make();
    if (only && !only.includes(subject.name)) continue;
    const { recordsPerSecond, cpuMicrosPerRecord } = args.decode ? decode(subject) : await ingest(subject);
    rows.push([
      subject.name,
      subject.bytesPerRecord,
      (recordsPerSecond * subject.bytesPerRecord) / 1e6,
      recordsPerSecond / 1000,
      (cpuMicrosPerRecord / subject.bytesPerRecord) * 1000,
      cpuMicrosPerRecord,
    ]);
  }
}
console.log(table([['', 'B a record', 'MB/s', '1000 records/s', 'CPU-s a GB', 'CPU us a record'], ...rows]));
