import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

export const root = resolve(import.meta.dirname, '..');
export const extensionDir = process.env['CANARDSTACK_DUCKDB_EXTENSION_DIR'] ?? join(root, '.cache', 'ext');
const binDir = join(root, '.cache', 'bin');
const extensions = ['ducklake', 'httpfs'];
const testExtensions = ['quack', 'postgres_scanner'];
/** Programs that tests talk to, built from the Go module proxy. */
const goTools = {
  telemetrygen: 'github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@v0.161.0',
  versitygw: 'github.com/versity/versitygw/cmd/versitygw@v1.8.0',
};

/** Runs a command with the terminal handed on; rejects when it fails. `quiet` shows its output only then. */
export function run(command, args, { quiet = false, env = process.env, cwd = root } = {}) {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { cwd, env, stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit' });
    const output = [];
    child.stdout?.on('data', (chunk) => output.push(chunk));
    child.stderr?.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => failed(new Error(`${command}: ${error.message}`)));
    child.on('close', (code) => {
      if (code === 0) return done();
      process.stderr.write(Buffer.concat(output));
      failed(new Error(`${command} ${args.join(' ')} ended with ${code}`));
    });
  });
}

function json(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'));
  } catch {
    return {};
  }
}

/** True when what is installed is what the lock file says; optional packages of other platforms are never there. */
function modulesCurrent() {
  const wanted = Object.entries(json('package-lock.json').packages ?? {});
  const installed = json('node_modules/.package-lock.json').packages ?? {};
  return wanted.every(
    ([path, { version, optional }]) => path === '' || optional || installed[path]?.version === version,
  );
}

export async function modules() {
  if (modulesCurrent()) return;
  console.error('installing dependencies (npm ci)');
  await run('npm', ['ci', '--no-audit', '--no-fund']);
}

const sourceFolders = ['src', 'test', 'bench', 'drill'];

function newestSource() {
  let newest = 0;
  for (const folder of sourceFolders) {
    if (!existsSync(join(root, folder))) continue;
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      newest = Math.max(newest, statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs);
    }
  }
  for (const file of ['tsconfig.json', 'package-lock.json']) {
    newest = Math.max(newest, statSync(join(root, file)).mtimeMs);
  }
  return newest;
}

/** Compiled files whose source is gone would still be found by the test runner. */
function prune() {
  const dist = join(root, 'dist');
  for (const entry of readdirSync(dist, { recursive: true })) {
    if (!entry.endsWith('.js')) continue;
    const source = join(root, entry.replace(/\.js$/, '.ts'));
    if (existsSync(source)) continue;
    rmSync(join(dist, entry));
    rmSync(join(dist, `${entry}.map`), { force: true });
  }
}

export async function build({ always = false } = {}) {
  const info = join(root, 'dist', '.tsbuildinfo');
  if (!always && existsSync(info) && statSync(info).mtimeMs > newestSource()) return;
  console.error('building');
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.']);
  prune();
  // tsc leaves the file alone when nothing it emits changed.
  utimesSync(info, new Date(), new Date());
}

export async function duckdbExtensions(names = extensions) {
  const { installExtensions } = await import(pathToFileURL(join(root, 'dist/src/duckdb/index.js')).href);
  await installExtensions({ dir: extensionDir, names, log: (text) => console.error(text) });
}

/** Builds one of `goTools`; null with a reason when it can't. */
async function goTool(name) {
  const target = join(binDir, name);
  if (existsSync(target)) return { path: target };
  if (spawnSync('go', ['version'], { stdio: 'ignore' }).status !== 0) {
    return { reason: `Go is not installed, so ${name} cannot be built` };
  }
  console.error(`building ${name} (once)`);
  try {
    await run('go', ['install', goTools[name]], {
      quiet: true,
      env: { ...process.env, GOBIN: binDir, CGO_ENABLED: '0' },
    });
  } catch (error) {
    return { reason: error.message };
  }
  return { path: target };
}

/** All that start needs, and with `forTests` what the tests need. Resolves with the tools by name. */
export async function setUp({ forTests = false, alwaysBuild = false }) {
  await modules();
  await build({ always: alwaysBuild });
  await duckdbExtensions(forTests ? [...extensions, ...testExtensions] : extensions);
  const tools = {};
  if (forTests) for (const name of Object.keys(goTools)) tools[name] = await goTool(name);
  return tools;
}
