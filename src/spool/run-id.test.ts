import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { temporaryFolder } from '../../test/support/server.js';
import { beginRun } from './run-id.js';

describe('the incarnations of a spool folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('know the runs before them', async () => {
    const first = await beginRun(folder);
    const second = await beginRun(folder);
    const third = await beginRun(folder);
    assert.deepEqual([...first.predecessors], []);
    assert.deepEqual([...third.predecessors], [first.id, second.id]);
  });

  it('on a copy do not know those that began on the original afterwards, nor the other way', async () => {
    const common = await beginRun(folder);
    const copy = join(folder, 'copy');
    await cp(join(folder, 'incarnations'), join(copy, 'incarnations'));
    const original = await beginRun(folder);
    const copied = await beginRun(copy);
    assert.ok(original.predecessors.has(common.id) && copied.predecessors.has(common.id));
    assert.ok(!(await beginRun(copy)).predecessors.has(original.id));
    assert.ok(!(await beginRun(folder)).predecessors.has(copied.id));
  });
});
