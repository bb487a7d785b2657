import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { columnBatch, largeBatch } from '../../test/support/batch.js';
import { noSpareCpu, openTestLake, rowsOf } from '../../test/support/open-lake.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, longestWaitMs, temporaryFolder } from '../../test/support/server.js';
import { faultsFrom } from '../faults/index.js';
import { LakeError, type Lake } from './index.js';

const self = fileURLToPath(import.meta.url);
const day = 1_764_000_000_000_000;
const rowsPerCommit = 1500;

function batch(i: number) {
  return columnBatch({
    logs: Array.from({ length: rowsPerCommit }, (_, k) => ({
      timestamp: day + k,
      body: `commit ${i} row ${k} of the child process`,
    })),
    spans: [{ timestamp: day, span_name: `span of commit ${i}` }],
  });
}

/** Commits from the watermark on until the fault ends the process; run as a process of its own. */
async function child(folder: string, fault: string): Promise<void> {
  const lake = await openTestLake(folder, { faults: fault === 'hold' ? undefined : faultsFrom(fault) });
  if (fault === 'hold') return lake.close();
  for (let i = (await lake.watermarks()).get('child/logs') ?? 0; i < 20; i++) {
    await lake.commit([batch(i)], [{ stream: 'child/logs', position: i + 1 }]);
    if (i % 3 === 2) await lake.maintenance.checkpoint();
  }
}

const largeCommits = 3;

/** The same of one whose compaction joins files. */
async function joiningChild(folder: string, fault: string): Promise<void> {
  const config = { checkpointIntervalSecs: 4 };
  const lake = await openTestLake(folder, { faults: faultsFrom(fault), spareCpu: noSpareCpu(), config });
  for (let i = (await lake.watermarks()).get('child/logs') ?? 0; i < largeCommits; i++) {
    await lake.commit([largeBatch(i, day)], [{ stream: 'child/logs', position: i + 1 }]);
  }
  lake.maintenance.start();
  await sleep(longestWaitMs);
}

async function runChild(folder: string, fault: string, as = 'child'): Promise<NodeJS.Signals | null> {
  const process_ = spawn(process.execPath, [self, as, folder, fault], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NODE_TEST_CONTEXT: '' },
  });
  const [, signal] = (await once(process_, 'exit')) as [number | null, NodeJS.Signals | null];
  return signal;
}

if (process.argv[2] === 'child') {
  await child(process.argv[3] ?? '', process.argv[4] ?? '');
} else if (process.argv[2] === 'joining') {
  await joiningChild(process.argv[3] ?? '', process.argv[4] ?? '');
} else {
  describe('a killed process', () => {
    let folder: string;
    let lake: Lake | undefined;

    beforeEach(async () => {
      folder = await temporaryFolder();
    });

    afterEach(async () => {
      await lake?.close();
      await rm(folder, { recursive: true, force: true });
    });

    it('leaves each commit whole or not at all, and its watermark tells which', async () => {
      for (const fault of [
        'lake.before_commit:2',
        'lake.committed:2',
        'lake.before_commit:1',
        'maintenance.checkpoint:1',
        'lake.committed:1',
        'maintenance.checkpoint:1',
        'maintenance.compacted:1',
        'maintenance.swap:1',
      ]) {
        assert.equal(await runChild(folder, fault), 'SIGKILL', fault);
        lake = await openTestLake(folder);
        const position = (await lake.watermarks()).get('child/logs') ?? 0;
        const [logs] = await rowsOf(lake, 'SELECT count(*) n, count(DISTINCT body) bodies FROM lake.logs');
        assert.deepEqual(
          [Number(logs?.['n']), Number(logs?.['bodies'])],
          [position * rowsPerCommit, position * rowsPerCommit],
          fault,
        );
        const [spans] = await rowsOf(lake, 'SELECT count(*) n FROM lake.spans');
        assert.equal(Number(spans?.['n']), position, fault);
        await lake.close();
      }
      lake = await openTestLake(folder);
      assert.equal((await lake.watermarks()).get('child/logs'), 15);
    });

    it('leaves the files that it was joining, or the joined one', async () => {
      const contents = async () => {
        const [rows] = await rowsOf(
          lake ?? assert.fail(),
          'SELECT count(*) n, count(DISTINCT trace_id) ids, bit_xor(hash(body, trace_id)) whole FROM lake.logs',
        );
        const files = await rowsOf(
          lake ?? assert.fail(),
          `SELECT data_file FROM ducklake_list_files('lake', 'logs') ORDER BY ALL`,
        );
        return { rows, files };
      };
      let before: Awaited<ReturnType<typeof contents>> | undefined;
      for (const fault of ['maintenance.compacted:1', 'maintenance.swap:1']) {
        assert.equal(await runChild(folder, fault, 'joining'), 'SIGKILL', fault);
        lake = await openTestLake(folder);
        const found = await contents();
        assert.equal(found.files.length, largeCommits);
        assert.deepEqual(found, before ?? found, fault);
        before = found;
        await lake.close();
      }
      lake = await openTestLake(folder, { spareCpu: noSpareCpu(), config: { checkpointIntervalSecs: 4 } });
      lake.maintenance.start();
      await eventually(async () => ((await contents()).files.length === 1 ? true : undefined));
      const { rows, files } = await contents();
      assert.match(String(files[0]?.['data_file']), /canardstack-compacted-joined-/);
      assert.deepEqual(rows, before?.rows);
      // What the killed ones had begun is not left behind.
      const all = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.parquet'));
      assert.equal(all.filter((name) => name.includes('-joined-')).length, 1);
    });

    it('holds the catalog while it lives: a second process gets a clear error', async () => {
      lake = await openTestLake(folder);
      const second = spawn(process.execPath, [self, 'child', folder, 'hold'], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, NODE_TEST_CONTEXT: '' },
      });
      let stderr = '';
      second.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      const [code] = (await once(second, 'close')) as [number | null];
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`lock is held by process ${process.pid}`));
      assert.match(stderr, /LakeError/);
      // Opening it for reading is refused as well, as long as it is written.
      assert.ok(lake);
      await lake.ping();
    });
  });

  describe('opening', () => {
    it('for reading only makes no lake where there is none', async () => {
      const folder = await temporaryFolder();
      await assert.rejects(openTestLake(folder, { readOnly: true }), LakeError);
      await rm(folder, { recursive: true, force: true });
    });
  });
}
