import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { createTelemetry } from '../../telemetry/index.js';
import { openStorage } from '../../storage/index.js';
import { lakeConfig } from '../../../test/support/open-lake.js';
import { putBeforeFooter } from '../files/before-footer.js';
import { compactedPrefix } from '../maintenance/moved.js';
import { unkept } from '../metadata/layout.js';
import type { ReadSession } from '../session.js';
import { buildDigest } from './build.js';
import { decodeDigest, digestLength, encodeDigest } from './format.js';
import { FileDigests } from './read.js';

const second = 1_000_000_000n;
const begin = 1_790_000_000n * second;
const until = begin + 86_400n * second;
const traceId = (i: number) => i.toString(16).padStart(32, '0');

function span(i: number) {
  const start = begin + BigInt(i) * 60n * second;
  return {
    timestamp: new Date(Number(start / 1_000_000n)).toISOString().replace('T', ' ').replace('Z', ''),
    start_time_unix_nano: start,
    end_time_unix_nano: start + 2n * second,
    trace_id: traceId(i),
    service_name: `service-${i % 3}`,
    span_attributes: `{"n":${i},"own.${i % 4}":1}`,
  };
}

function logLine(i: number) {
  const { timestamp, start_time_unix_nano } = span(i);
  return { timestamp, time_unix_nano: start_time_unix_nano, log_attributes: `{"n":"${i}"}` };
}

describe('what many files tell of themselves', () => {
  const copies = 400;
  let lake: TestLake;
  before(async () => {
    lake = await testLake({}, 'one commit');
    await lake.connection.run('SET SESSION ducklake_default_data_inlining_row_limit = 0');
    await lake.insert('spans', [span(0)]);
    await lake.insert('logs', [logLine(0)]);
    const [[file] = []] = (
      await lake.connection.runAndReadAll(
        `SELECT data_file FROM ducklake_list_files('lake', 'logs', schema => 'main')`,
      )
    ).getRows();
    const folder = dirname(String(file));
    const name = (i: number | string) => join(folder, `${compactedPrefix}copy-${i}.parquet`);
    await lake.connection.run(
      `COPY (SELECT *, '0' AS "text:log_attributes:n" FROM read_parquet('${String(file)}', hive_partitioning => false)) TO '${name(0)}' (FORMAT parquet)`,
    );
    const digest = await buildDigest(lake.connection, {
      table: 'logs',
      path: name(0),
      scratch: folder,
      whole: true,
    });
    assert.ok(digest);
    const facts = decodeDigest(digest);
    assert.ok(facts);
    // Of label sets and keys nothing, which would be read for each.
    await putBeforeFooter(name(0), encodeDigest({ ...facts, sections: new Map() }) ?? digest);
    for (let i = 1; i < copies; i++) await copyFile(name(0), name(i));
    await lake.connection.run(
      `CALL ducklake_add_data_files('lake', 'logs', '${name('*')}', schema => 'main', hive_partitioning => true, ignore_extra_columns => true)`,
    );
    await lake.connection.run(`DELETE FROM lake.main.logs WHERE filename = '${String(file)}'`);
  });
  after(() => lake.close());

  const all = { from: begin, until, keys: ['n'] };
  const straight = (source: string | null | undefined) => {
    assert.match(source ?? '', /"text:log_attributes:n" AS attribute_0/);
    assert.doesNotMatch(source ?? '', /lake\.main|json_extract/);
    assert.equal(source?.split(`/${compactedPrefix}copy-`).length, copies + 1);
  };
  const session = (work: (session: ReadSession) => Promise<void>) =>
    lake.cached.run('test', new AbortController().signal, ({ session }) => work(session));

  it('is known of all of them, however many', async () => {
    await lake.cache.prepare(['logs']);
    await lake.cache.settled();
    await session(async (session) => straight(await session.rowsOf?.({ ...all, table: 'logs' })));
  });

  it('stays known when another table is asked', async () => {
    await session(async (session) => {
      await session.rowsOf?.({ ...all, table: 'spans' });
      straight(await session.rowsOf?.({ ...all, table: 'logs' }));
    });
  });

  it('is waited for once by a session, whatever it asks first', async (t) => {
    const prepare = t.mock.method(lake.cache, 'prepare');
    await session(async (session) => {
      await session.spread?.({ ...all, table: 'logs' });
      assert.equal(prepare.mock.callCount(), 1);
      await session.rowsOf?.({ ...all, table: 'logs' });
      await session.rowsOf?.({ ...all, table: 'logs', located: true });
    });
    assert.deepEqual(
      prepare.mock.calls.map((call) => call.arguments),
      [[['logs']]],
    );
  });

  it('is done without where it can not be had', async (t) => {
    const prepare = t.mock.method(lake.cache, 'prepare', () => Promise.reject(new Error('no memory')));
    await session(async (session) => {
      straight(await session.rowsOf?.({ ...all, table: 'logs' }));
    });
    assert.equal(prepare.mock.callCount(), 1);
    assert.deepEqual(prepare.mock.calls[0]?.arguments, [['logs']]);
  });
});

describe('what a file told before rows of it were deleted', () => {
  for (const inlined of [0, 1000]) {
    it(`is not believed, deletions ${inlined === 0 ? 'in files' : 'in the catalog'}`, async () => {
      const lake = await testLake({}, 'one commit');
      try {
        await lake.connection.run('SET SESSION ducklake_default_data_inlining_row_limit = 0');
        await lake.insert('logs', [0, 1, 2].map(logLine));
        await lake.compact('logs');
        const all = { table: 'logs', from: begin, until, keys: ['n'] } as const;
        await lake.cache.prepare(['logs']);
        await lake.cache.settled();
        await lake.cached.run('test', new AbortController().signal, async ({ session }) => {
          assert.match((await session.rowsOf?.(all)) ?? '', /read_parquet/);
        });
        await lake.connection.run(`SET SESSION ducklake_default_data_inlining_row_limit = ${inlined}`);
        await lake.connection.run(
          `DELETE FROM lake.main.logs WHERE time_unix_nano = ${logLine(1).time_unix_nano}`,
        );
        await lake.cached.run('test', new AbortController().signal, async ({ session }) => {
          const keys = { kind: 'log_keys', from: begin, until, where: 'TRUE', weighed: true } as const;
          const rows = await session.rowsOf?.(all);
          assert.deepEqual(
            await session.rows(`SELECT count(*)::INTEGER AS n FROM ${rows ?? 'lake.main.logs'}`),
            [{ n: 2 }],
          );
          const kept = await session.metadata?.(keys);
          const counted = kept ?? unkept('log_keys', 'TRUE');
          assert.deepEqual(
            await session.rows(`SELECT sum(records)::INTEGER AS n FROM ${counted} WHERE key = 'n'`),
            [{ n: 2 }],
          );
        });
      } finally {
        await lake.close();
      }
    });
  }
});

describe('what a file tells by the words of another release', () => {
  it('is not taken for its columns', async (t) => {
    const lake = await testLake({}, 'one commit');
    try {
      await lake.connection.run('SET SESSION ducklake_default_data_inlining_row_limit = 0');
      await lake.insert('logs', [logLine(0)]);
      await lake.compact('logs');
      // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own
      const own = FileDigests.prototype.read;
      t.mock.method(
        FileDigests.prototype,
        'read',
        async function (this: FileDigests, ...args: Parameters<typeof own>) {
          const { found, left } = await own.apply(this, args);
          const others = [...found].map(([path, { digest, footerAt }]) => {
            const columns = [...digest.columns, 'text:log_attributes:n'];
            return [path, { digest: { ...digest, columns, madeBy: 'another' }, footerAt }] as const;
          });
          assert.equal(others.length, 1);
          return { found: new Map(others), left };
        },
      );
      await lake.cache.prepare(['logs']);
      await lake.cache.settled();
      await lake.cached.run('test', new AbortController().signal, async ({ session }) => {
        const source = await session.rowsOf?.({ table: 'logs', from: begin, until, keys: ['n'] });
        assert.match(source ?? '', /read_parquet/);
        assert.doesNotMatch(source ?? '', /:log_attributes:n/);
      });
    } finally {
      await lake.close();
    }
  });
});

describe('reading what files tell of themselves', () => {
  let folder: string;
  let digests: FileDigests;
  const files = new Map<string, number>();
  before(async () => {
    folder = `${await mkdtemp(join(tmpdir(), 'canardstack-digests-'))}/`;
    digests = new FileDigests(openStorage(folder, lakeConfig(folder)), createTelemetry('silent'));
    const content = Buffer.alloc(20 * 1024 * 1024);
    const sections = new Map([['a', { name: 'a', madeBy: 'b', entries: 3, content }]]);
    const digest = encodeDigest({ madeBy: 'c', rows: 3, times: null, columns: ['x'], mixed: [], sections });
    assert.ok(digest);
    for (let i = 0; i < 3; i++) {
      // A footer that is longer than what is read at first.
      const footer = Buffer.alloc(100_000 + 8);
      footer.writeUInt32LE(100_000, 100_000);
      const bytes = Buffer.concat([digest, footer]);
      files.set(`${folder}${i}`, bytes.length);
      await writeFile(`${folder}${i}`, bytes);
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('ends where it is much, and leaves the others for the next time', async () => {
    const { found, left } = await digests.read(files);
    assert.equal(found.size, 1);
    assert.deepEqual([...found.keys(), ...left].sort(), [...files.keys()]);
    for (const { digest } of found.values())
      assert.equal(digest.sections.get('a')?.content.length, 20 * 1024 * 1024);
  });

  it('ends when it is told to', async () => {
    const { found, left } = await digests.read(files, AbortSignal.abort());
    assert.deepEqual([found.size, [...left]], [0, [...files.keys()]]);
  });
});

describe('what a file tells of itself', () => {
  let lake: TestLake;
  before(async () => {
    lake = await testLake({}, 'one commit');
    await lake.connection.run('SET SESSION ducklake_default_data_inlining_row_limit = 0');
    await lake.insert(
      'spans',
      Array.from({ length: 60 }, (_, i) => span(i)),
    );
    await lake.insert(
      'logs',
      Array.from({ length: 30 }, (_, i) => logLine(i)),
    );
    // Every second file that it writes tells of itself.
    for (const table of ['spans', 'logs', 'logs'] as const) await lake.compact(table);
    await lake.cache.prepare(['spans', 'logs']);
    await lake.cache.settled();
  });
  after(() => lake.close());

  const file = async () => {
    const rows = await lake.connection.runAndReadAll(
      `SELECT data_file, data_file_size_bytes::DOUBLE FROM ducklake_list_files('lake', 'spans', schema => 'main')`,
    );
    assert.equal(rows.getRows().length, 1);
    return rows.getRows()[0] as [string, number];
  };
  const asked = (sql: (source: string) => string, kind: 'span_keys' | 'span_resources') =>
    lake.cached.run('test', new AbortController().signal, async ({ session }) => {
      const source = await session.metadata?.({ kind, from: begin, until, where: 'TRUE', weighed: true });
      assert.ok(source, 'nothing is kept');
      assert.doesNotMatch(source, /\.parquet|lake\.main/);
      const rows = await session.rows(sql(source));
      return rows.map((row) => Object.values(row).map(String).join(' '));
    });

  it('answers the first question without a look at rows, in the words of the rows', async () => {
    assert.deepEqual(
      await asked(
        (source) =>
          `SELECT key, sum(records)::INTEGER FROM ${source} WHERE origin = 'span_attributes' GROUP BY key ORDER BY key`,
        'span_keys',
      ),
      ['n 60', 'own.0 15', 'own.1 15', 'own.2 15', 'own.3 15'],
    );
    assert.deepEqual(
      await asked(
        (source) =>
          `SELECT service_name, sum(records)::INTEGER FROM ${source} GROUP BY service_name ORDER BY service_name`,
        'span_resources',
      ),
      ['service-0 20', 'service-1 20', 'service-2 20'],
    );
  });

  it('knows trace ids and how files lie at once', async () => {
    await lake.cached.run('test', new AbortController().signal, async ({ session }) => {
      const all = { table: 'spans', from: begin, until, keys: [] } as const;
      assert.equal(await session.rowsOf?.({ ...all, traceId: traceId(77), located: true }), '');
      const source = await session.rowsOf?.({ ...all, table: 'logs', keys: ['n'] });
      assert.match(source ?? '', /read_parquet/);
      assert.doesNotMatch(source ?? '', /lake\.main/);
      const rows = await session.rows(`SELECT count(DISTINCT rowid)::INTEGER AS n FROM ${source}`);
      assert.deepEqual(rows, [{ n: 30 }]);
    });
  });

  it('is none where a byte of it has changed, and its file is read', async () => {
    const [path, bytes] = await file();
    const folder = path.slice(0, path.indexOf('/data/') + 6);
    const digests = new FileDigests(openStorage(folder, lakeConfig(folder)), createTelemetry('silent'));
    const files = new Map([[path, bytes]]);
    const found = (await digests.read(files)).found.get(path);
    assert.equal(found?.digest.rows, 60);
    assert.deepEqual([...found.digest.sections.keys()].sort(), ['span_keys', 'span_resources', 'trace_ids']);
    const content = await readFile(path);
    content[found.footerAt - 100] = (content[found.footerAt - 100] ?? 0) ^ 1;
    await writeFile(path, content);
    assert.equal((await digests.read(files)).found.size, 0);
    const all = await lake.connection.runAndReadAll(`SELECT count(*)::INTEGER FROM read_parquet('${path}')`);
    assert.deepEqual(all.getRows(), [[60]]);
  });

  it('comes back as it was, and is none when it is cut off', () => {
    const section = { name: 'a', madeBy: 'b', entries: 3, content: Buffer.from('abc') };
    const digest = {
      madeBy: 'c',
      rows: 3,
      times: null,
      columns: ['x'],
      mixed: [],
      sections: new Map([['a', section]]),
    };
    const bytes = encodeDigest(digest);
    assert.ok(bytes);
    assert.equal(digestLength(Buffer.concat([Buffer.from('before'), bytes])), bytes.length);
    assert.deepEqual(decodeDigest(bytes), digest);
    assert.equal(digestLength(bytes.subarray(0, -1)), 0);
    assert.equal(decodeDigest(bytes.subarray(1)), null);
  });
});
