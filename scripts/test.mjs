import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { extensionDir, root, setUp } from './setup.mjs';
import { grouped, longestFirst } from './test-groups.mjs';

/** Bound of one test file, so that a hang ends the run. */
const fileTimeoutMs = 900_000;

/** Without these a machine without root can run the rest: their tests are skipped, and said to be. */
const optional = new Set(['chromium']);

function testFiles(names) {
  const all = readdirSync(join(root, 'dist'), { recursive: true })
    .filter((file) => file.endsWith('.test.js') && !file.endsWith('fixture.test.js'))
    .map((file) => join('dist', file))
    .sort();
  return names.length === 0 ? all : all.filter((file) => names.some((name) => file.includes(name)));
}

function runTests(files, concurrency, env) {
  const folder = mkdtempSync(join(tmpdir(), 'canardstack-test-'));
  const totals = join(folder, 'totals.json');
  const order = join(folder, 'run.json');
  const paths = longestFirst(grouped(files, folder)).map((file) => resolve(root, file));
  writeFileSync(order, JSON.stringify({ files: paths, concurrency, timeout: fileTimeoutMs, totals }));
  const args = ['--enable-source-maps', join(root, 'scripts/test-run.mjs'), order];
  return new Promise((done) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.on('close', (code) => {
      let counts = {};
      try {
        counts = JSON.parse(readFileSync(totals, 'utf8'));
      } catch {
        // The runner died before it could report: no test counts as run.
      }
      rmSync(folder, { recursive: true });
      done({ code: code ?? 1, counts });
    });
  });
}

/** Resolves with the exit code: 0 only when tests ran and all of them passed. */
export async function test(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { list: { type: 'boolean' }, concurrency: { type: 'string', default: '3' } },
  });
  const tools = await setUp({ forTests: true, alwaysBuild: true });
  const files = testFiles(positionals);
  if (values.list) {
    console.log(files.join('\n'));
    return files.length > 0 ? 0 : 1;
  }
  const env = { ...process.env, CANARDSTACK_DUCKDB_EXTENSION_DIR: extensionDir };
  for (const [name, { path, reason }] of Object.entries(tools)) {
    env[name.toUpperCase()] = path ?? '';
    env[`${name.toUpperCase()}_MISSING`] = reason ?? '';
    if (path === undefined) {
      console.error(`${name}: ${reason}`);
      if (process.env['CI'] === 'true' && !optional.has(name))
        return fail(`CI must run the tests that need ${name}`);
    }
  }
  if (files.length === 0) return fail(`no test file matches ${positionals.join(' ') || 'dist/**/*.test.js'}`);
  const { code, counts } = await runTests(files, Number(values.concurrency), env);
  const { pass = 0, fail: failures = 0, cancelled = 0, skipped = 0, todo = 0 } = counts;
  const failed = failures + cancelled;
  const left = skipped + todo > 0 ? `, ${skipped + todo} skipped` : '';
  console.log(`\n${pass} passed, ${failed} failed${left}`);
  return code === 0 && failed === 0 && pass > 0 ? 0 : 1;
}

function fail(reason) {
  console.error(reason);
  console.log('\n0 passed, 1 failed');
  return 1;
}
