import { CommanderError } from 'commander';
import { ConfigError } from '../config/index.js';
import { LakeError } from '../duckdb/index.js';
import { CommandError } from './errors.js';
import { program } from './program.js';

// What is kept is telemetry, and its catalog: nobody else on the machine may read it.
process.umask(0o077);

// A reader that goes away early (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

/** 0 all is well, 1 it failed, 2 wrong use or configuration, 3 another process owns the catalog. */
function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof ConfigError) {
    for (const warning of error.warnings) process.stderr.write(`warning: ${warning}\n`);
    for (const problem of error.problems) process.stderr.write(`${problem}\n`);
    return 2;
  }
  // A stack only on request: most failures are about the machine, not the program.
  const detail =
    process.env['CANARDSTACK_LOG_LEVEL'] === 'debug' && error instanceof Error ? error.stack : undefined;
  const message = error instanceof Error ? error.message : String(error);
  // What others say may have several lines: one is what logs of services show.
  const said = error instanceof CommandError ? message : message.replaceAll(/\s*\n\s*/g, ' ');
  process.stderr.write(`canardstack: ${detail ?? said}\n`);
  if (error instanceof CommandError) return error.exitCode;
  return error instanceof LakeError && error.kind === 'denied' ? 2 : 1;
}

async function main(): Promise<void> {
  try {
    process.exitCode = await program(process.argv);
  } catch (error) {
    process.exitCode = exitCode(error);
  }
  // Whatever a failed command left open must not keep the process, which a supervisor would take for running.
  setTimeout(() => process.exit(), 2000).unref();
}

void main();
