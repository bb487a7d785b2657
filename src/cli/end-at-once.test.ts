import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../../test/support/server.js';

const endAtOnce = JSON.stringify(new URL('./end-at-once.js', import.meta.url));

async function endOf(script: string): Promise<unknown[]> {
  const child = spawn(process.execPath, [
    '--input-type=module',
    '-e',
    `import { endAtOnce } from ${endAtOnce}; ${script}`,
  ]);
  return once(child, 'exit');
}

describe('the end at once', () => {
  it('has the exit code', async () => {
    assert.deepEqual(await endOf('endAtOnce(3);'), [3, null]);
  });

  it('comes by SIGKILL when a thread of the pool hangs', async () => {
    const folder = await temporaryFolder();
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const script = `import { readFile } from 'node:fs'; readFile(${JSON.stringify(pipe)}, () => undefined);
      setTimeout(() => endAtOnce(3), 200);`;
    assert.deepEqual(await endOf(script), [null, 'SIGKILL']);
    await rm(folder, { recursive: true });
  });
});
