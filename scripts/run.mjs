// Dispatches ./run; no dependency may be imported before `modules()` has installed them.
import { check } from './check.mjs';
import { setUp } from './setup.mjs';
import { start } from './start.mjs';
import { test } from './test.mjs';

const usage = `usage: ./run <command>

  start [flags]   set up what is missing, build, and run the server (flags of \`canardstack serve\`)
  demo [flags]    the same with a small shop's telemetry to look at (flags of \`canardstack demo\`)
  test [options]  set up what is missing, build, and run the tests
      NAME...         only test files whose path contains one of these
      --list          print the files and stop
      --concurrency N test files at once (default 3: many wait)
  check           types, lint, format, and what is exported or installed for nobody
  setup [tests]   only set up: dependencies, DuckDB extensions, build; with tests also their clients and tools
  cli [args]      the command line, built when needed: ./run cli sql "SELECT 1"
`;

const [command, ...args] = process.argv.slice(2);
const commands = {
  start: () => start(['serve', ...args]),
  demo: () => start(['demo', ...args]),
  cli: () => start(args),
  test: () => test(args),
  check: () => check(),
  setup: async () => {
    await setUp({ forTests: args[0] === 'tests' });
  },
};

if (command === undefined || command === '--help' || command === 'help') {
  process.stdout.write(usage);
} else if (!Object.hasOwn(commands, command)) {
  process.stderr.write(`unknown command ${command}\n\n${usage}`);
  process.exitCode = 2;
} else {
  try {
    process.exitCode = (await commands[command]()) ?? 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
