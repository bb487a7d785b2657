import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { extensionDir, root, setUp } from './setup.mjs';

/** Runs the command line from the checkout; resolves with its exit code. */
export async function start(args) {
  await setUp({});
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', join(root, 'dist/src/cli/bin.cjs'), ...args],
    {
      stdio: 'inherit',
      env: { CANARDSTACK_DUCKDB_EXTENSION_DIR: extensionDir, ...process.env },
    },
  );
  // A terminal sends these to the child too; a supervisor sends them to this process alone.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    process.on(signal, () => {
      if (!process.stdin.isTTY || signal === 'SIGTERM') child.kill(signal);
    });
  }
  return await new Promise((done) => {
    child.on('close', (code, signal) => done(code ?? (signal === null ? 1 : 128)));
  });
}
