import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { eventually, temporaryFolder } from '../../../test/support/server.js';
import { LeaseClock } from './clock.js';
import { canonical, copyCatalog, currentFile } from './files.js';
import { holderState, ownIdentity } from './holder.js';
import { catalogFileForReading, LeaseHeldError, readLease, takeCatalog } from './index.js';
import { LeaseFiles, type LeaseRecord } from './record.js';

type Line = Readonly<Record<string, unknown>>;

/** A process that owns a catalog, see test/support/catalog-holder.ts. */
class Holder {
  readonly #child;
  readonly exited: Promise<number | null>;
  readonly #lines: AsyncIterator<string>;

  constructor(file: string, leaseSecs: number, ...more: string[]) {
    const script = fileURLToPath(new URL('../../../test/support/catalog-holder.js', import.meta.url));
    this.#child = spawn(process.execPath, [script, file, String(leaseSecs), ...more], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.exited = once(this.#child, 'exit').then(([code]) => code as number | null);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The next line that is no report of waiting. */
  async line(): Promise<Line> {
    for (;;) {
      const next = await this.#lines.next();
      if (next.done === true) return { ended: true };
      const line = JSON.parse(next.value) as Line;
      if (line['waiting'] === undefined) return line;
    }
  }

  async ask(command: string): Promise<Line> {
    this.#child.stdin.write(`${command}\n`);
    return this.line();
  }

  send(command: string): void {
    this.#child.stdin.write(`${command}\n`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}

let folder: string;
let catalog: string;
const holders: Holder[] = [];

function holder(leaseSecs: number, ...more: string[]): Holder {
  const started = new Holder(catalog, leaseSecs, ...more);
  holders.push(started);
  return started;
}

beforeEach(async () => {
  folder = await realpath(await temporaryFolder());
  catalog = join(folder, 'c.ducklake');
});

afterEach(async () => {
  await Promise.all(holders.splice(0).map((each) => each.kill()));
  await rm(folder, { recursive: true, force: true });
});

async function valuesIn(file: string): Promise<number[]> {
  const instance = await DuckDBInstance.create(file, { threads: '1' });
  const connection = await instance.connect();
  const rows = (await connection.runAndReadAll('SELECT i FROM t ORDER BY i')).getRows();
  connection.closeSync();
  instance.closeSync();
  return rows.map(([i]) => Number(i));
}

/** A lease of a holder that can't be told to be dead or alive. */
function foreign(files: LeaseFiles, more: Partial<LeaseRecord> = {}): LeaseRecord {
  return {
    holder: 'somebody',
    ...ownIdentity(),
    host: 'elsewhere',
    bootId: 'another-boot',
    epoch: 7,
    state: 'held',
    file: basename(files.catalog),
    leaseMs: 2000,
    renewals: 3,
    renewedAt: new Date().toISOString(),
    expiresAt: new Date(Date.now() + 2000).toISOString(),
    ...more,
  };
}

describe('takeCatalog', () => {
  it('holds, renews, releases, and goes on with the next epoch in the same file', async () => {
    const first = await takeCatalog(catalog, { leaseSecs: 3 });
    assert.deepEqual([first.epoch, first.file, first.valid(), first.confirm()], [1, catalog, true, true]);
    const before = await readFile(`${catalog}.lease.1`, 'utf8');
    await eventually(async () => {
      const now = await readFile(`${catalog}.lease.1`, 'utf8');
      return now === before ? undefined : now;
    });
    await assert.rejects(takeCatalog(catalog), LeaseHeldError);
    await first.release();
    assert.equal(first.valid(), false);
    assert.deepEqual(await readLease(catalog).then((lease) => [lease?.epoch, lease?.released]), [1, true]);
    const second = await takeCatalog(catalog);
    assert.deepEqual([second.epoch, second.file], [2, catalog]);
    assert.deepEqual(readdirSync(folder), ['c.ducklake.lease.2']);
    await second.release();
  });

  it('takes a killed holder over at once and in place, with what it committed', async () => {
    const first = holder(3600);
    assert.equal((await first.line())['epoch'], 1);
    assert.deepEqual(await first.ask('insert 1'), { inserted: 1, believed: true });
    await first.kill();
    const second = holder(3600);
    assert.deepEqual(await second.line(), { epoch: 2, file: catalog });
    await second.ask('insert 2');
    await second.ask('release');
    assert.deepEqual(await valuesIn(catalog), [1, 2]);
  });

  it('refuses while another process runs, names it, and does not disturb it', async () => {
    const first = holder(30);
    await first.line();
    await assert.rejects(takeCatalog(catalog, { leaseSecs: 2 }), (error: Error) => {
      assert.ok(error instanceof LeaseHeldError);
      assert.match(
        error.message,
        /lock is held by process \d+; lease held by process \d+ on .* \(epoch 1, renewed \d+ s ago\)/,
      );
      return true;
    });
    await assert.rejects(catalogFileForReading(catalog), LeaseHeldError);
    assert.deepEqual(await first.ask('insert 1'), { inserted: 1, believed: true });
  });

  it('waits for a release as long as it is told to', async () => {
    const first = holder(30);
    await first.line();
    const reasons: string[] = [];
    const second = takeCatalog(catalog, {
      leaseSecs: 30,
      waitMs: 30_000,
      onWait: (reason) => reasons.push(reason),
    });
    await first.ask('insert 1');
    assert.deepEqual(await first.ask('release'), { released: true });
    const ownership = await second;
    assert.deepEqual([ownership.epoch, ownership.file], [2, catalog]);
    assert.ok(reasons.length > 0);
    await ownership.release();
  });

  it('fences a paused holder: its writes, its checkpoint and its log go elsewhere, it believes none and ends', async () => {
    const first = holder(4);
    await first.line();
    await first.ask('insert 1');
    // Its log is beside the file now, and the checkpoint that waits for SIGCONT will remove that by its name.
    first.signal('SIGSTOP');
    first.send('insert 100');
    first.send('checkpoint');
    first.send('insert 101');
    const second = holder(60, 'ignore-lock');
    assert.deepEqual(await second.line(), { epoch: 2, file: `${catalog}.e2` });
    assert.ok(lstatSync(catalog).isSymbolicLink());
    assert.deepEqual(await second.ask('insert 2'), { inserted: 2, believed: true });
    first.signal('SIGCONT');
    assert.equal(await first.exited, 3);
    const answers: Line[] = [];
    for (let line = await first.line(); !line['ended']; line = await first.line()) answers.push(line);
    assert.equal(answers.filter((line) => line['believed'] === true).length, 0);
    assert.equal(answers.filter((line) => line['lost'] !== undefined).length, 1);
    assert.deepEqual(await second.ask('insert 3'), { inserted: 3, believed: true });
    // Its log must still be there.
    await second.kill();
    const third = holder(60);
    assert.deepEqual(await third.line(), { epoch: 3, file: `${catalog}.e2` });
    await third.ask('release');
    assert.deepEqual(await valuesIn(catalog), [1, 2, 3]);
  });

  it('does not take over from a process that holds the file lock unless told so', async () => {
    const first = holder(2);
    await first.line();
    first.signal('SIGSTOP');
    await assert.rejects(takeCatalog(catalog, { leaseSecs: 60, waitMs: 4000 }), /lock is held by process/);
    first.signal('SIGCONT');
  });

  it('waits for the whole lease of a holder elsewhere, then goes on with a copy', async () => {
    const files = new LeaseFiles(catalog);
    const instance = await DuckDBInstance.create(catalog, { threads: '1' });
    const connection = await instance.connect();
    await connection.run('CREATE TABLE t AS SELECT 1 AS i');
    connection.closeSync();
    instance.closeSync();
    files.replace(foreign(files));
    const ownership = await takeCatalog(catalog, { leaseSecs: 60 });
    assert.deepEqual([ownership.epoch, ownership.file], [8, `${catalog}.e8`]);
    assert.deepEqual(readdirSync(folder).sort(), ['c.ducklake', 'c.ducklake.e8', 'c.ducklake.lease.8']);
    assert.deepEqual(await valuesIn(`${catalog}.e8`), [1]);
    await ownership.release();
    assert.equal(await catalogFileForReading(catalog), `${catalog}.e8`);
  });

  it('leaves a holder elsewhere alone that renews', async () => {
    const files = new LeaseFiles(catalog);
    const record = foreign(files);
    files.replace(record);
    const timer = setInterval(
      () => files.replace({ ...record, renewals: record.renewals + Date.now() }),
      300,
    );
    try {
      await assert.rejects(takeCatalog(catalog, { leaseSecs: 2 }), LeaseHeldError);
      await assert.rejects(catalogFileForReading(catalog), LeaseHeldError);
    } finally {
      clearInterval(timer);
    }
    assert.deepEqual(files.epochs(), [7]);
  });

  it('copies again after a takeover that was itself cut off', async () => {
    await writeFile(catalog, 'the catalog');
    await writeFile(`${catalog}.e8`, 'half a co');
    const files = new LeaseFiles(catalog);
    files.replace(foreign(files, { ...ownIdentity(), pid: 2 ** 22 + 1, epoch: 8, state: 'taking' }));
    const ownership = await takeCatalog(catalog);
    assert.equal(ownership.file, `${catalog}.e9`);
    assert.equal(await readFile(ownership.file, 'utf8'), 'the catalog');
    assert.deepEqual(readdirSync(folder).sort(), ['c.ducklake', 'c.ducklake.e9', 'c.ducklake.lease.9']);
    await ownership.release();
  });

  it('goes on with the copy when the takeover was cut off after the link had replaced the old file', async () => {
    await writeFile(`${catalog}.e8`, 'the copy');
    await symlink('c.ducklake.e8', catalog);
    const files = new LeaseFiles(catalog);
    files.replace(foreign(files, { ...ownIdentity(), pid: 2 ** 22 + 1, epoch: 8, state: 'taking' }));
    const ownership = await takeCatalog(catalog);
    assert.equal(await readFile(ownership.file, 'utf8'), 'the copy');
    assert.deepEqual(readdirSync(folder).sort(), ['c.ducklake', 'c.ducklake.e9', 'c.ducklake.lease.9']);
    await ownership.release();
  });

  it('repairs a link that a stale takeover set back', async () => {
    await writeFile(`${catalog}.e8`, 'stale');
    await writeFile(`${catalog}.e9`, 'in use');
    await symlink('c.ducklake.e8', catalog);
    const files = new LeaseFiles(catalog);
    files.replace(foreign(files, { epoch: 9, state: 'released', file: 'c.ducklake.e9' }));
    const ownership = await takeCatalog(catalog);
    assert.equal(await readFile(catalog, 'utf8'), 'in use');
    assert.deepEqual(readdirSync(folder).sort(), ['c.ducklake', 'c.ducklake.e9', 'c.ducklake.lease.10']);
    await ownership.release();
  });

  it('is lost when a newer epoch begins, and when its file is removed', async () => {
    for (const end of ['newer', 'removed'] as const) {
      const files = new LeaseFiles(catalog);
      const ownership = await takeCatalog(catalog, { leaseSecs: 3 });
      let lost: string | undefined;
      ownership.onLost((reason) => (lost = reason));
      if (end === 'newer') files.create(foreign(files, { epoch: ownership.epoch + 1, state: 'released' }));
      else files.remove(ownership.epoch);
      const reason = await eventually(async () => lost);
      assert.match(reason, end === 'newer' ? /epoch 2 was taken/ : /removed/);
      assert.equal(ownership.confirm(), false);
      await ownership.release();
      assert.equal((await readLease(catalog))?.holder, end === 'newer' ? 'somebody' : undefined);
    }
  });

  it('sees a newer epoch at once when asked to confirm', async () => {
    const files = new LeaseFiles(catalog);
    const ownership = await takeCatalog(catalog, { leaseSecs: 3600 });
    files.create(foreign(files, { epoch: 2 }));
    assert.equal(ownership.valid(), true);
    assert.equal(ownership.confirm(), false);
    assert.equal(ownership.valid(), false);
    await ownership.release();
  });

  it('gives an epoch to one of many', async () => {
    const files = new LeaseFiles(catalog);
    const won = Array.from({ length: 8 }, (_, i) => files.create(foreign(files, { holder: `h${i}` })));
    assert.deepEqual(won.filter(Boolean).length, 1);
    assert.equal(files.read(7)?.record?.holder, 'h0');
  });
});

describe('the catalog file in use', () => {
  it('is what the lease names, what the link names without one, or a file put in its place', async () => {
    const files = new LeaseFiles(catalog);
    assert.equal(currentFile(catalog, null), catalog);
    await writeFile(`${catalog}.e8`, 'eight');
    await writeFile(`${catalog}.e9`, 'nine');
    await symlink('c.ducklake.e8', catalog);
    assert.equal(currentFile(catalog, foreign(files, { file: 'c.ducklake.e9' })), `${catalog}.e9`);
    assert.equal(currentFile(catalog, foreign(files)), `${catalog}.e8`);
    assert.equal(currentFile(catalog, null), `${catalog}.e8`);
    await writeFile(join(folder, 'restored'), 'from a backup');
    await rename(join(folder, 'restored'), catalog);
    assert.equal(currentFile(catalog, foreign(files, { file: 'c.ducklake.e9' })), catalog);
  });

  it('follows links of the operator, so that a lease is beside the file itself', async () => {
    await mkdir(join(folder, 'volume'));
    await symlink(join(folder, 'volume', 'real.db'), catalog);
    assert.equal(canonical(catalog), join(folder, 'volume', 'real.db'));
    const ownership = await takeCatalog(catalog);
    assert.deepEqual(readdirSync(join(folder, 'volume')), ['real.db.lease.1']);
    await ownership.release();
  });

  it('is copied with its log: commits that were never checkpointed are in the copy', async () => {
    const first = holder(3600);
    await first.line();
    for (let i = 0; i < 5; i++) await first.ask(`insert ${i}`);
    assert.ok(await copyCatalog(catalog, join(folder, 'copy')));
    assert.deepEqual(await valuesIn(join(folder, 'copy')), [0, 1, 2, 3, 4]);
    assert.equal(await copyCatalog(join(folder, 'none'), join(folder, 'copy2')), false);
  });

  it('is asked for its lock without a change to it or its log', async () => {
    const first = holder(3600);
    await first.line();
    await first.ask('insert 1');
    await first.kill();
    const copies = await Promise.all(['', '.wal'].map((suffix) => readFile(`${catalog}${suffix}`)));
    const { fileLock } = await import('./file-lock.js');
    assert.equal(await fileLock(catalog), null);
    const after = await Promise.all(['', '.wal'].map((suffix) => readFile(`${catalog}${suffix}`)));
    assert.deepEqual(after, copies);
    await copyFile(catalog, join(folder, 'x'));
  });
});

describe('a lease holder', () => {
  it('is alive, dead by proof, or unknown', () => {
    const files = new LeaseFiles(catalog);
    const mine = foreign(files, { ...ownIdentity() });
    assert.equal(holderState(mine), 'alive');
    assert.equal(holderState({ ...mine, startTicks: '1' }), 'dead');
    assert.equal(holderState({ ...mine, pid: 2 ** 22 + 1 }), 'dead');
    assert.equal(holderState({ ...mine, pid: 2 ** 22 + 1, bootId: 'other' }), 'unknown');
    assert.equal(holderState({ ...mine, pid: 2 ** 22 + 1, pidNamespace: 'pid:[1]' }), 'unknown');
    assert.equal(holderState({ ...mine, pid: 2 ** 22 + 1, host: 'other' }), 'unknown');
  });
});

describe('the clock of a lease', () => {
  it('ends before the lease does, by either clock, and for good', () => {
    const clock = new LeaseClock(10_000);
    const { monotonicMs, uptimeMs } = clock.now();
    assert.equal(clock.valid(), false);
    clock.extend({ monotonicMs: monotonicMs - 7000, uptimeMs: uptimeMs - 7000 }, 1);
    assert.equal(clock.valid(), true);
    clock.extend({ monotonicMs: monotonicMs - 9000, uptimeMs: uptimeMs - 9000 }, 1);
    assert.equal(clock.valid(), false);
    // As after a sleep of the machine, in which the monotonic clock stood still.
    clock.extend({ monotonicMs, uptimeMs: uptimeMs - 60_000 }, 1);
    assert.equal(clock.valid(), false);
    clock.extend(clock.now(), 1);
    assert.equal(clock.valid(), true);
    clock.end();
    clock.extend(clock.now(), 1);
    assert.equal(clock.valid(), false);
  });
});
