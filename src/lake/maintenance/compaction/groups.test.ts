import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TableName } from '../../../schema/index.js';
import { compactedPrefix, flushedPrefix, joinedPrefix } from '../moved.js';
import { isIndexed, nextGroup, type DataFile } from './groups.js';

const MiB = 1024 * 1024;
const folder = (day: number) => `/lake/main/logs/year=2026/month=11/day=${day}/`;
const file = (day: number, name: string, bytes: number, rows = 0): DataFile => ({
  path: `${folder(day)}${name}.parquet`,
  bytes,
  rows,
});
const several = (day: number, count: number, bytes: number, rows = 0) =>
  Array.from({ length: count }, (_, i) => file(day, `f${i}-${bytes}`, bytes, rows));
const compacted = (day: number, bytes: number, rows = 0) =>
  file(day, `${compactedPrefix}${bytes}`, bytes, rows);

const joined = (day: number, bytes: number, rows = 0) => file(day, `${joinedPrefix}${bytes}`, bytes, rows);
/** As large ones of commits under load. */
const commits = (day: number, count: number, rows = 165_000, bytes = 8.5 * MiB) =>
  Array.from({ length: count }, (_, i) => file(day, `canardstack-${i}`, bytes, rows));

const sorted = (...args: Parameters<typeof nextGroup>) => {
  const group = nextGroup(...args);
  assert.notEqual(group?.by, 'join');
  return group?.files ?? null;
};

describe('choice of files to compact', () => {
  it('waits for four files of one size class and day', () => {
    assert.equal(sorted('logs', []), null);
    assert.equal(sorted('logs', several(20, 3, 1000)), null);
    assert.equal(sorted('logs', [...several(20, 3, 1000), file(20, 'large', 5 * MiB)]), null);
    assert.equal(sorted('logs', several(20, 4, 1000))?.length, 4);
    assert.equal(sorted('logs', [...several(20, 3, 5 * MiB), file(21, 'x', 5 * MiB)])?.length, 3);
  });

  it('takes no more at once than memory and the pause of commits allow', () => {
    assert.equal(sorted('logs', several(20, 1000, 1000))?.length, 200);
    assert.equal(sorted('logs', several(20, 50, 12 * MiB))?.length, 5);
    assert.equal(sorted('spans', several(20, 50, 2 * MiB))?.length, 14);
  });

  it('counts a file of many rows for full, and takes no more of them at once than sorts well', () => {
    const lines = (count: number, rows: number) => several(20, count, 8 * MiB, rows);
    assert.equal(sorted('logs', lines(50, 200_000))?.length, 7);
    assert.equal(sorted('logs', lines(50, 100_000))?.length, 8);
    const full = Array.from({ length: 8 }, (_, i) => compacted(20, 10 * MiB + i, 1_000_000));
    assert.equal(sorted('logs', full), null);
    assert.equal(sorted('metric_sum', full)?.length, 6);
  });

  it('waits with large files until they are a full one', () => {
    assert.equal(sorted('logs', several(20, 5, 4.5 * MiB)), null);
    assert.equal(sorted('logs', several(20, 6, 4.5 * MiB))?.length, 6);
    assert.equal(sorted('logs', several(20, 5, 4.5 * MiB, 150_000))?.length, 5);
  });

  it('takes fewer than four where they are a full one', () => {
    const heavy = several(20, 4, 3.2 * MiB, 400_000);
    assert.equal(sorted('logs', heavy.slice(0, 1)), null);
    assert.equal(sorted('logs', heavy)?.length, 3);
    const light = several(20, 500, 2 * MiB, 5000);
    assert.deepEqual(sorted('logs', [...heavy, ...light]), heavy.slice(0, 3));
    assert.equal(sorted('spans', several(20, 500, 3.5 * MiB, 250_000))?.length, 3);
    assert.equal(sorted('metric_sum', several(20, 3, 0.5 * MiB, 3_000_000))?.length, 3);
    assert.equal(sorted('logs', several(20, 3, 9 * MiB))?.length, 3);
  });

  it('leaves full files that it made alone, and rewrites those that others made', () => {
    assert.equal(sorted('logs', [compacted(20, 30 * MiB), compacted(20, 31 * MiB)]), null);
    assert.deepEqual(sorted('logs', [compacted(20, 30 * MiB), file(20, 'merged', 40 * MiB)]), [
      file(20, 'merged', 40 * MiB),
    ]);
    assert.equal(
      sorted(
        'spans',
        several(20, 5, 12 * MiB).map(({ bytes }) => compacted(20, bytes)),
      ),
      null,
    );
  });

  it('finishes a day once a later one has begun, but not for a few late rows', () => {
    const today = file(21, 'new', 1000);
    assert.deepEqual(sorted('logs', [file(20, 'only', 1000), today]), [file(20, 'only', 1000)]);
    assert.equal(sorted('logs', [compacted(20, 8 * MiB), compacted(20, 3 * MiB), today])?.length, 2);
    assert.equal(sorted('logs', [compacted(20, 8 * MiB), compacted(20, 1000), today]), null);
    const heavy = [compacted(20, MiB, 740_000), compacted(20, 1000, 740_000)];
    assert.equal(sorted('logs', [compacted(20, 10 * MiB, 100_000), ...heavy, today])?.length, 2);
    // Two days of the month are told by number, not by name.
    assert.deepEqual(sorted('logs', [file(9, 'old', 1000), file(10, 'new', 1000)]), [file(9, 'old', 1000)]);
  });

  it('gives an index to what is not rewritten soon', () => {
    const noon = Date.UTC(2026, 10, 20, 12);
    const indexed = (rows: number, bytes: number, nowMs = noon) =>
      isIndexed('logs', several(20, 8, bytes, rows), nowMs);
    assert.equal(indexed(90_000, MiB / 4), false);
    assert.equal(indexed(90_000, MiB / 2), true);
    assert.equal(indexed(100_000, MiB / 4), true, 'full by its rows');
    assert.equal(indexed(1, 1, noon + 86_400_000), true, 'of a day that is over');
  });

  it('passes over files that failed', () => {
    const files = several(20, 5, 1000);
    assert.equal(
      sorted('logs', files, { skip: new Set([files[0]?.path ?? '', files[1]?.path ?? '']) }),
      null,
    );
  });
});

describe('files that are rewritten alone', () => {
  it('come only once they are asked for, of joined ones and others', () => {
    const today = file(21, 'new', 1000);
    const merged = file(20, 'merged', 40 * MiB);
    for (const files of [[merged], [joined(20, 30 * MiB), today]]) {
      for (const busy of [false, true]) {
        assert.equal(nextGroup('logs', files, { alone: false, busy: busy && files.length > 1 }), null);
      }
      assert.equal(nextGroup('logs', files)?.files.length, 1);
    }
    assert.equal(nextGroup('logs', [merged, ...several(20, 4, 1000)], { alone: false })?.files.length, 4);
  });
});

describe('a day', () => {
  it('is not over by rows of a later one alone', () => {
    const nowMs = Date.UTC(2026, 10, 20, 12);
    const files = [joined(20, 30 * MiB), file(20, 'only', 1000), file(27, 'ahead', 1000)];
    const choice = { busy: true, nowMs };
    assert.equal(nextGroup('logs', files, choice), null);
    assert.equal(nextGroup('logs', files, { ...choice, nowMs: nowMs + 86_400_000 })?.files.length, 1);
  });
});

describe('choice of files to join', () => {
  const busy = (files: readonly DataFile[], table: TableName = 'logs') =>
    nextGroup(table, files, { busy: true });

  it('takes large files of commits as soon as they are a full one, and only beside much else', () => {
    assert.deepEqual(busy(commits(20, 50)), { files: commits(20, 5), by: 'join' });
    assert.equal(busy(commits(20, 50, 165_000, MiB))?.files.length, 6);
    assert.deepEqual(nextGroup('logs', commits(20, 50)), { files: commits(20, 7), by: 'sort' });
    assert.equal(busy(commits(20, 2)), null);
    assert.equal(busy(commits(20, 3))?.files.length, 3);
    assert.equal(busy(commits(20, 9, 499_000))?.files.length, 2, 'whatever the size, some are joined');
    assert.equal(busy(commits(20, 50), 'spans')?.by, 'sort');
  });

  it('leaves files of few rows to sorts, and files that others wrote', () => {
    const small = commits(20, 30, 39_000, MiB);
    assert.deepEqual(busy(small), { files: small, by: 'sort' });
    assert.deepEqual(busy([...small.slice(0, 3), ...commits(20, 3)]), { files: commits(20, 3), by: 'join' });
    const flushed = commits(20, 3).map((one) => ({
      ...one,
      path: one.path.replace('canardstack-', flushedPrefix),
    }));
    assert.deepEqual(busy(flushed), { files: flushed, by: 'sort' });
    const unjoinable = new Set(commits(20, 3).map(({ path }) => path));
    assert.equal(nextGroup('logs', commits(20, 3), { busy: true, unjoinable })?.by, 'sort');
  });

  it('leaves those that wait for a join out of sorts, until their day is over', () => {
    const rows = commits(20, 2, 165_000, 0.5 * MiB);
    const small = several(20, 2, 1000);
    assert.equal(busy([...rows, ...small]), null);
    assert.equal(busy([...rows, ...small, file(21, 'new', 1000)])?.files.length, 4);
  });

  it('sorts what was joined, one by one, once there is time or its day is over and all else is done', () => {
    const old = joined(20, 60 * MiB, 1_100_000);
    const today = file(21, 'new', 1000);
    assert.deepEqual(nextGroup('logs', [old]), { files: [old], by: 'sort' });
    assert.equal(busy([old]), null);
    assert.deepEqual(busy([old, today]), { files: [old], by: 'sort' });
    assert.equal(busy([old, ...commits(21, 7)])?.by, 'join');
    assert.deepEqual(nextGroup('logs', [old, joined(20, 59 * MiB, 1_100_000)]), { files: [old], by: 'sort' });
  });

  it('takes less at once where less fits into memory, so that what it makes is full', () => {
    assert.equal(sorted('logs', commits(20, 50), { share: 0.5 })?.length, 3);
    const halves = Array.from({ length: 5 }, (_, i) => compacted(20, 13 * MiB + i, 400_000));
    assert.equal(sorted('logs', halves, { share: 0.5 }), null);
    assert.equal(sorted('logs', halves)?.length, 3);
  });
});
