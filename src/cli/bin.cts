#!/usr/bin/env node
import fs = require('node:fs');
import compiled = require('./compiled.cjs');

const { setFlags, useCompiled } = compiled;

/**
 * The executable. DuckDB calls and fsyncs share libuv's pool, four threads by default: four slow queries would
 * hold up every acknowledgement. Its size is read at the first asynchronous file operation, which loading an
 * ES module already is, so this one is CommonJS.
 */
process.env['UV_THREADPOOL_SIZE'] ??= '32';
setFlags();

/** Loading the program and its threads takes a few dozen at once, the spool and clients more. */
const leastOpenFiles = 256;
const openFiles = mostOpenFiles();
if (openFiles < leastOpenFiles) {
  fail(
    `only ${openFiles} files may be open at once, and at least ${leastOpenFiles} are needed: raise the limit ` +
      `(ulimit -n 4096, LimitNOFILE=4096 of a systemd unit, --ulimit nofile=4096 of a container)`,
  );
} else {
  // Made from `main.ts` and all it needs by scripts/bundle.mjs: few files load in half the time.
  const program = '../../program/main.cjs';
  try {
    useCompiled();
    require(program);
  } catch (error) {
    fail(`it cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Node raises the soft limit to the hard one by itself. Infinity where there is no limit, or no /proc. */
function mostOpenFiles(): number {
  try {
    const limits = fs.readFileSync('/proc/self/limits', 'utf8');
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  } catch {
    return Infinity;
  }
}

function fail(message: string): void {
  process.stderr.write(`canardstack: ${message.replaceAll(/\s*\n\s*/g, ' ')}\n`);
  process.exitCode = 1;
}
