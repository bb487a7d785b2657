import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { appendFile, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { temporaryFolder } from '../../test/support/server.js';
import { digest, payload, readAll, testSpool, text } from '../../test/support/spool.js';
import type { SpoolRange } from './index.js';

let dir: string;
beforeEach(async () => (dir = await temporaryFolder()));
afterEach(() => rm(dir, { recursive: true, force: true }));

const support = new URL('../../test/support/spool.js', import.meta.url).href;
const faults = new URL('../faults/index.js', import.meta.url).href;

/** Appends random payloads from several loops and prints each one once it is acknowledged, without an end. */
const appender = `
import { digest, randomPayload, testSpool } from '${support}';
import { faultsFrom } from '${faults}';
const [dir, fault] = process.argv.slice(1);
const { spool } = await testSpool(dir, { faults: faultsFrom(fault) });
const loop = async (stream) => {
  for (;;) {
    const payloads = Array.from({ length: 1 + Math.floor(Math.random() * 3) }, () =>
      randomPayload(Math.floor(Math.random() * 40_000)));
    const digests = payloads.map((one) => digest(one.body));
    const ranges = await stream.append(payloads);
    const lines = ranges.map((range, i) => [stream.signal, range.start, range.end, digests[i]].join(' ') + '\\n');
    process.stdout.write(lines.join(''));
  }
};
for (let i = 0; i < 4; i++) for (const signal of ['logs', 'traces']) void loop(spool.stream(signal));
`;

/** Lines of acknowledgement until the process is dead; `stopAfter` lines it is killed. */
async function appendUntilKilled(folder: string, fault: string, stopAfter = Infinity): Promise<string[]> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', appender, folder, fault], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === stopAfter) child.kill('SIGKILL');
  }
  const [, signal] = (await exited) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL');
  return lines;
}

describe('after SIGKILL', () => {
  for (const [name, fault, stopAfter] of [
    ['at any moment', '', 300],
    ['before an fsync', 'spool.appended:20', Infinity],
    ['between an fsync and its acknowledgements', 'spool.synced:20', Infinity],
  ] as const) {
    it(`${name}, all that was acknowledged is there, whole, once and in order`, async () => {
      const acked: string[] = [];
      for (let round = 0; round < 2; round++) {
        const lines = await appendUntilKilled(dir, fault, stopAfter);
        assert.ok(lines.length > 10);
        acked.push(...lines);
      }
      const { spool } = await testSpool(dir);
      for (const signal of ['logs', 'traces'] as const) {
        const stream = spool.stream(signal);
        const entries = await readAll(stream);
        const found = entries.map((e) => `${signal} ${e.start} ${e.end} ${digest(e.payload.body)}`);
        const wanted = acked.filter((line) => line.startsWith(signal)).sort((a, b) => start(a) - start(b));
        const present = new Set(found);
        assert.deepEqual(
          wanted.filter((line) => !present.has(line)),
          [],
        );
        assert.equal(present.size, found.length);
        for (const [i, entry] of entries.entries()) assert.equal(entry.start, entries[i - 1]?.end ?? 0);
        assert.equal(entries.at(-1)?.end, stream.head);
      }
      await spool.close();
    });
  }
});

function start(line: string): number {
  return Number(line.split(' ')[1]);
}

async function newestSegment(): Promise<string> {
  const names = (await readdir(join(dir, 'logs'))).sort();
  return join(dir, 'logs', names.at(-1) ?? '');
}

/** Appends records `from`..`to` (exclusive) of 3,000 bytes and closes. */
async function fill(from: number, to: number): Promise<SpoolRange[]> {
  const { spool, logs } = await testSpool(dir);
  const ranges = [];
  for (let i = from; i < to; i++) ranges.push(...(await logs.append([payload(`${i} `.padEnd(3000, 'x'))])));
  await spool.close();
  return ranges;
}

const numbers = (entries: Awaited<ReturnType<typeof readAll>>) =>
  entries.map((e) => Number.parseInt(text(e)));
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('a torn tail', () => {
  for (const [name, tear] of [
    ['a record cut short', async (path: string) => truncate(path, (await stat(path)).size - 1)],
    [
      'a record cut inside its header',
      async (path: string) => truncate(path, (await stat(path)).size - 3010),
    ],
    [
      'zeros in place of the last record',
      async (path: string) => {
        const { size } = await stat(path);
        await truncate(path, size - 3048);
        await truncate(path, size);
      },
    ],
  ] as const) {
    it(`(${name}) is cut and counted, and appends go on before it`, async () => {
      const ranges = await fill(0, 10);
      await tear(await newestSegment());
      const { spool, logs, metric } = await testSpool(dir);
      assert.equal(await metric('canardstack_spool_torn_tails_total'), 1);
      assert.equal(await metric('canardstack_spool_damaged_stretches_total'), 0);
      assert.equal(logs.head, ranges[8]?.end);
      assert.deepEqual(numbers(await readAll(logs)), upTo(9));
      const [next] = await logs.append([payload('9 again')]);
      assert.equal(next?.start, ranges[8]?.end);
      await spool.close();

      const after = await testSpool(dir);
      assert.equal(await after.metric('canardstack_spool_torn_tails_total'), 0);
      assert.deepEqual(numbers(await readAll(after.logs)), upTo(10));
      await after.spool.close();
    });
  }

  it('(garbage after the last record) loses nothing', async () => {
    const ranges = await fill(0, 10);
    const path = await newestSegment();
    // Garbage that repeats a real record must not be taken for one.
    await appendFile(path, (await readFile(path)).subarray(128, 128 + 3048 + 700));
    const { spool, logs, metric } = await testSpool(dir);
    assert.equal(await metric('canardstack_spool_torn_tails_total'), 1);
    assert.equal(logs.head, ranges[9]?.end);
    assert.deepEqual(numbers(await readAll(logs)), upTo(10));
    const kept = (await readdir(join(dir, 'damaged'))).filter((name) => name.endsWith('.torn'));
    assert.equal(kept.length, 1);
    assert.equal((await stat(join(dir, 'damaged', kept[0] ?? ''))).size, 3748);
    await spool.close();
  });
});

async function flip(path: string, offset: number): Promise<void> {
  const handle = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, offset);
  byte[0] = (byte[0] ?? 0) ^ 0x10;
  await handle.write(byte, 0, 1, offset);
  await handle.close();
}

describe('a damaged record in the middle', () => {
  // 64 KiB segments hold 21 of these records, so 30 make two.
  for (const [where, segment] of [
    ['an older segment', 0],
    ['the newest segment', 1],
  ] as const) {
    for (const [what, offset] of [
      ['body', 1000],
      ['length', 6],
      ['magic', 1],
      ['checksum', 45],
    ] as const) {
      it(`(${what}, ${where}) is set aside, counted once, and reading goes on after it`, async () => {
        const ranges = await fill(0, 30);
        const damaged = segment === 0 ? 5 : 25;
        const path = join(dir, 'logs', (await readdir(join(dir, 'logs'))).sort()[segment] ?? '');
        const range = ranges[damaged] as SpoolRange;
        const segmentStart = Number(path.slice(-24, -4));
        const at = 128 + range.start - segmentStart;
        await flip(path, at + offset);
        const bytes = (await readFile(path)).subarray(at, at + 3048);

        const { spool, logs, metric } = await testSpool(dir);
        const wanted = upTo(30).filter((i) => i !== damaged);
        assert.deepEqual(numbers(await readAll(logs)), wanted);
        assert.deepEqual(numbers(await readAll(logs)), wanted);
        assert.equal(logs.head, ranges[29]?.end);
        assert.equal(await metric('canardstack_spool_damaged_stretches_total'), 1);
        assert.equal(await metric('canardstack_spool_damaged_bytes_total'), 3048);
        assert.equal(await metric('canardstack_spool_torn_tails_total'), 0);
        const name = `logs-${String(range.start).padStart(20, '0')}.damaged`;
        assert.deepEqual(await readFile(join(dir, 'damaged', name)), bytes);
        // The watermark may come to lie at either end of the hole.
        assert.deepEqual(numbers(await readAll(logs, range.start)), wanted.slice(damaged));
        assert.deepEqual(numbers(await readAll(logs, range.end)), wanted.slice(damaged));
        await spool.close();
      });
    }
  }

  it('does not take a record inside a body for one of the stream', async () => {
    const before = await testSpool(dir);
    const [first] = await before.logs.append([payload('first')]);
    await before.spool.close();
    const raw = await readFile(await newestSegment());
    const record = raw.subarray(128, 128 + (first?.end ?? 0));
    // The same stream again, so that only the record's position tells it from one of the stream.
    await rm(join(dir, 'logs'), { recursive: true });
    const after = await testSpool(dir);
    await after.logs.append([payload(record)]);
    await after.spool.close();
    await flip(await newestSegment(), 128 + 6);
    const { spool, logs } = await testSpool(dir);
    assert.deepEqual(await readAll(logs), []);
    await spool.close();
  });
});

describe('a damaged record at the end', () => {
  const recordBytes = 3048;
  for (const [what, offset] of [
    ['magic', 1],
    ['length, made longer', 5],
    ['length, made shorter', 4],
    ['format', 8],
    ['encoding', 9],
    ['position', 10],
    ['time', 20],
    ['reserved bytes', 41],
    ['checksum', 46],
    ['first byte of the body', 48],
    ['body', 1500],
    ['last byte', recordBytes - 1],
  ] as const) {
    it(`(${what}) is damage and no torn tail; appends go on behind it`, async () => {
      const ranges = await fill(0, 10);
      const path = await newestSegment();
      const { size } = await stat(path);
      await flip(path, size - recordBytes + offset);
      const { spool, logs, metric } = await testSpool(dir);
      assert.equal(await metric('canardstack_spool_damaged_stretches_total'), 1);
      assert.equal(await metric('canardstack_spool_damaged_bytes_total'), recordBytes);
      assert.equal(await metric('canardstack_spool_torn_tails_total'), 0);
      assert.equal(logs.head, ranges[9]?.end);
      const [next] = await logs.append([payload('10 ')]);
      assert.equal(next?.start, ranges[9]?.end);
      assert.deepEqual(numbers(await readAll(logs)), [...upTo(9), 10]);
      assert.equal(await metric('canardstack_spool_damaged_stretches_total'), 1);
      await spool.close();
      const after = await testSpool(dir);
      assert.deepEqual(numbers(await readAll(after.logs)), [...upTo(9), 10]);
      await after.spool.close();
    });
  }

  it('is damage also when the one before it is, or a write was cut short behind it', async () => {
    const ranges = await fill(0, 10);
    const path = await newestSegment();
    const { size } = await stat(path);
    await flip(path, size - 2 * recordBytes + 500);
    await flip(path, size - recordBytes + 600);
    // Half of a record that would come next.
    const half = (await readFile(path)).subarray(size - recordBytes, size - 1000);
    half.writeUIntLE(ranges[9]?.end ?? 0, 10, 6);
    await appendFile(path, half);
    const { spool, logs, metric } = await testSpool(dir);
    assert.equal(await metric('canardstack_spool_damaged_bytes_total'), 2 * recordBytes);
    assert.equal(await metric('canardstack_spool_torn_tails_total'), 1);
    assert.equal(logs.head, ranges[9]?.end);
    assert.deepEqual(numbers(await readAll(logs)), upTo(8));
    await spool.close();
  });

  it('is a torn tail wherever its write was cut, or a page of it was not written', async () => {
    const body = (i: number) => payload(randomBytes(i === 3 ? 20_000 : 500));
    const { spool, logs } = await testSpool(dir);
    const ranges = [];
    for (let i = 0; i < 4; i++) ranges.push(...(await logs.append([body(i)])));
    await spool.close();
    const path = await newestSegment();
    const whole = await readFile(path);
    const start = 128 + (ranges[3]?.start ?? 0);
    const pages = [...Array(Math.ceil(whole.length / 4096)).keys()].filter(
      (page) => page * 4096 + 4096 > start,
    );
    const damaged = [
      ...[1, 20, 47, 48, 49, 4000, 20_000, 20_047].map((bytes) => whole.subarray(0, start + bytes)),
      ...pages.map((page) => {
        const bytes = Buffer.from(whole);
        bytes.fill(0, Math.max(start, page * 4096), Math.min(bytes.length, (page + 1) * 4096));
        return bytes;
      }),
    ];
    for (const bytes of damaged) {
      await writeFile(path, bytes);
      const test = await testSpool(dir);
      assert.equal(await test.metric('canardstack_spool_damaged_stretches_total'), 0);
      assert.equal(await test.metric('canardstack_spool_torn_tails_total'), 1);
      assert.equal(test.logs.head, ranges[3]?.start);
      await test.spool.close();
    }
  });
});

describe('damaged segments', () => {
  it('reads the records of a segment whose header is damaged', async () => {
    await fill(0, 30);
    for (const name of await readdir(join(dir, 'logs'))) await flip(join(dir, 'logs', name), 40);
    const { spool, logs, metric } = await testSpool(dir);
    assert.deepEqual(numbers(await readAll(logs)), upTo(30));
    assert.equal(await metric('canardstack_spool_damaged_stretches_total'), 2);
    await spool.close();
  });

  it('counts records that are missing because a segment lost its end', async () => {
    await fill(0, 30);
    const path = join(dir, 'logs', '00000000000000000000.seg');
    await truncate(path, (await stat(path)).size - 3048);
    const { spool, logs, metric } = await testSpool(dir);
    assert.equal((await readAll(logs)).length, 29);
    assert.equal(await metric('canardstack_spool_damaged_bytes_total'), 3048);
    await spool.close();
  });

  it('refuses a segment of a newer format, naming it', async () => {
    await fill(0, 1);
    const path = await newestSegment();
    const handle = await open(path, 'r+');
    const header = Buffer.alloc(128);
    await handle.read(header, 0, 128, 0);
    header.writeUInt32LE(2, 8);
    const { crc32c } = await import('@node-rs/crc32');
    header.writeUInt32LE(crc32c(header.subarray(0, 124)), 124);
    await handle.write(header, 0, 128, 0);
    await handle.close();
    await assert.rejects(testSpool(dir), (error: Error) =>
      error.message.includes(`${path} has spool format 2`),
    );
  });
});
