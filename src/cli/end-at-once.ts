import { spawn } from 'node:child_process';

/** process.exit() waits for what libuv's threads are at, and a statement may hang, say on a volume that is gone. */
const graceMs = 2000;

/**
 * Ends this process, for one that must write nothing any more or was told twice to stop: with `code`, or by SIGKILL from
 * outside when that takes too long.
 */
export function endAtOnce(code: number): never {
  const kill = `setTimeout(() => process.kill(${process.pid}, 'SIGKILL'), ${graceMs})`;
  spawn(process.execPath, ['-e', kill], { detached: true, stdio: 'ignore', env: {} })
    // Without it the process still ends, once nothing hangs.
    .on('error', () => undefined)
    .unref();
  process.exit(code);
}
