import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ReadSession } from '../../lake/session.js';
import { NumberSet } from './number-set.js';
import { projectionOf } from './projections.js';

function oneOf(number: number): NumberSet {
  const set = new NumberSet();
  set.add(number);
  return set;
}

it('forgets the rows of files when they are too many, as most may be of files that are gone', async () => {
  const session: ReadSession = {
    rows: () => Promise.resolve([]),
    async *stream() {
      await Promise.resolve();
      yield { rowCount: 1, columns: [[1], [true], ['k']] };
    },
  };
  const asked = { epoch: 'files', kind: 'log_keys', columns: ['key'], where: 'TRUE' } as const;
  const projection = await projectionOf(session, asked, 1);
  assert.ok(projection);
  // One takes 5 MiB.
  const files = Array.from({ length: 4 }, () => ({}));
  const rows = oneOf(5 * 2 ** 23 - 1);
  const kept = () => files.map((file) => projection.rowsOf(file) === rows);
  for (const file of files.slice(0, 3)) projection.keepRowsOf(file, rows);
  projection.keepRowsOf(files[0] ?? {}, rows);
  assert.deepEqual(kept(), [true, true, true, false]);
  projection.keepRowsOf(files[3] ?? {}, rows);
  assert.deepEqual(kept(), [false, false, false, true]);
  assert.equal(await projectionOf(session, asked, 1), projection);
});
