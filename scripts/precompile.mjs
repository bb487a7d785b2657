// Keeps what V8 makes of the program's files, of those functions too that loading them calls.
import { mkdirSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const program = resolve(import.meta.dirname, '..', 'dist', 'program');
const require = createRequire(import.meta.url);
const {
  compile,
  compiledFolder,
  keepCompiled,
  loadCompiled,
  setFlags,
} = require('../dist/src/cli/compiled.cjs');

setFlags();
const scripts = new Map();
const folder = compiledFolder();
loadCompiled(folder, (filename, script) => scripts.set(filename, script));
const files = readdirSync(program).filter((name) => name.endsWith('.cjs'));
const threads = files.filter((name) => name.endsWith('-thread.cjs'));
// Those that begin something when they are loaded: the program and its threads.
const beginning = new Set(['main.cjs', ...threads.map((name) => name.replace('-thread', ''))]);
for (const file of files.filter((name) => !threads.includes(name))) {
  const path = join(program, file);
  if (beginning.has(file)) scripts.set(path, compile(folder, path));
  else require(path);
}
mkdirSync(folder, { recursive: true });
for (const [path, script] of scripts) keepCompiled(folder, path, script);
process.exit(0);
