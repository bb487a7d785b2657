import { randomUUID } from 'node:crypto';
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, chmod, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { makeFolder } from '../config/folders.js';
import { writeSynced } from '../durable/index.js';
import { DuckDBInstance } from '@duckdb/node-api';
import { LakeError, messageOf } from './errors.js';
import { ident, literal } from './sql.js';
import { zipMember } from './zip.js';

const run = promisify(execFile);

const installTimeoutMs = 15_000;
const pipTimeoutMs = 180_000;
const maxExtensionBytes = 512 * 1024 * 1024;

export interface InstallOptions {
  /** Root of the layout `v<version>/<platform>/<name>.duckdb_extension`. */
  readonly dir: string;
  /** Extension names; `postgres` stands for `postgres_scanner`. */
  readonly names: readonly string[];
  readonly log?: (line: string) => void;
}

export interface InstalledExtension {
  readonly name: string;
  readonly path: string;
  readonly source: 'present' | 'repository' | 'pypi';
}

/** `<user cache>/canardstack/extensions`, used when CANARDSTACK_DUCKDB_EXTENSION_DIR is not set. */
export function defaultExtensionDir(env: NodeJS.ProcessEnv = process.env): string {
  const cache =
    env['XDG_CACHE_HOME'] ||
    (process.platform === 'darwin'
      ? join(homedir(), 'Library', 'Caches')
      : process.platform === 'win32'
        ? (env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'))
        : join(homedir(), '.cache'));
  return join(cache, 'canardstack', 'extensions');
}

/** The name of DuckDB's file for an extension. */
function extensionName(name: string): string {
  return name === 'postgres' ? 'postgres_scanner' : name;
}

/**
 * Makes sure that the extensions lie in `dir`: already there, else from DuckDB's repository (bounded to 15 s
 * each), else from the PyPI packages `duckdb-extension-<name>` by pip. Throws LakeError('extension') that
 * names the extension, the folder and the ways to get it. DuckDB checks the signature at LOAD.
 */
export async function installExtensions(options: InstallOptions): Promise<InstalledExtension[]> {
  const log = options.log ?? (() => undefined);
  const { version, platform } = await duckdbBuild();
  const folder = join(options.dir, version, platform);
  const installed: InstalledExtension[] = [];
  let repositoryAnswers = true;
  for (const name of options.names.map(extensionName)) {
    if (!/^[a-z0-9_]+$/.test(name)) throw new LakeError('extension', `${name} is not an extension name`);
    const path = join(folder, `${name}.duckdb_extension`);
    if (await exists(path)) {
      installed.push({ name, path, source: 'present' });
      continue;
    }
    const made = await makeFolder(folder);
    const reasons: string[] = [];
    if (repositoryAnswers) {
      try {
        await fromRepository(options.dir, name);
        await openToAll(options.dir, folder, path, made);
        log(`${name}: installed from DuckDB's extension repository into ${folder}`);
        installed.push({ name, path, source: 'repository' });
        continue;
      } catch (error) {
        repositoryAnswers = false;
        reasons.push(`repository: ${messageOf(error)}`);
        log(`${name}: DuckDB's extension repository gave nothing, trying pip`);
      }
    }
    try {
      await fromPypi(name, version.replace(/^v/, ''), path);
      await openToAll(options.dir, folder, path, made);
      log(`${name}: installed from PyPI into ${folder}`);
      installed.push({ name, path, source: 'pypi' });
    } catch (error) {
      reasons.push(`pip: ${messageOf(error)}`);
      throw new LakeError('extension', missing(name, version, path, reasons));
    }
  }
  return installed;
}

/**
 * What a user installs others may use, a server in a container above all: unlike telemetry it is no secret. Folders that were
 * there before keep their mode.
 */
async function openToAll(dir: string, folder: string, path: string, made: string | undefined): Promise<void> {
  for (const file of [path, `${path}.info`]) {
    await chmod(file, 0o644).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
  if (made === undefined) return;
  for (let at = resolve(folder); at.startsWith(resolve(dir)) && at.startsWith(made); at = dirname(at))
    await chmod(at, 0o755);
}

function missing(name: string, version: string, path: string, reasons: readonly string[]): string {
  return (
    `DuckDB extension "${name}" ${version} is not at ${path} and could not be fetched (${reasons.join('; ')}). ` +
    `Either put the file there, or run "canardstack install-extensions" where extensions.duckdb.org is ` +
    `reachable, or run it where pip can download duckdb-extension-${pypiName(name)}==${version.replace(/^v/, '')}; ` +
    `CANARDSTACK_DUCKDB_EXTENSION_DIR names the folder.`
  );
}

let build: Promise<{ version: string; platform: string }> | undefined;

/** DuckDB's own version (`v1.5.5`) and platform (`linux_amd64`, `osx_arm64`, ...). */
export function duckdbBuild(): Promise<{ version: string; platform: string }> {
  build ??= (async () => {
    const instance = await DuckDBInstance.create(':memory:');
    try {
      const connection = await instance.connect();
      const version = await connection.runAndReadAll('SELECT version()');
      const platform = await connection.runAndReadAll('PRAGMA platform');
      connection.closeSync();
      return { version: String(version.getRows()[0]?.[0]), platform: String(platform.getRows()[0]?.[0]) };
    } finally {
      instance.closeSync();
    }
  })();
  return build;
}

/** In a process of its own, because a download that hangs inside DuckDB can't be interrupted. */
async function fromRepository(dir: string, name: string): Promise<void> {
  const api = createRequire(import.meta.url).resolve('@duckdb/node-api');
  const statements = [`SET extension_directory = ${literal(dir)}`, `INSTALL ${ident(name)}`];
  const script =
    `const { DuckDBInstance } = require(${JSON.stringify(api)});` +
    `(async () => { const c = await (await DuckDBInstance.create(':memory:')).connect();` +
    `for (const sql of ${JSON.stringify(statements)}) await c.run(sql); })()` +
    `.catch((error) => { console.error(error.message.split('\\n')[0]); process.exit(1); });`;
  try {
    await run(process.execPath, ['-e', script], { timeout: installTimeoutMs, killSignal: 'SIGKILL' });
  } catch (error) {
    throw new Error(processFailure(error, installTimeoutMs), { cause: error });
  }
}

function pypiName(name: string): string {
  return name.replaceAll('_', '-');
}

async function fromPypi(name: string, version: string, path: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'canardstack-extension-'));
  try {
    await pipDownload(`duckdb-extension-${pypiName(name)}==${version}`, folder);
    const wheel = (await readdir(folder)).find((file) => file.endsWith('.whl'));
    if (!wheel) throw new Error('pip downloaded no wheel');
    const member = `/extensions/v${version}/${name}.duckdb_extension`;
    const bytes = zipMember(await readFile(join(folder, wheel)), member, maxExtensionBytes);
    if (!bytes) throw new Error(`${wheel} holds no ${member}`);
    const partial = `${path}.${randomUUID()}.partial`;
    await writeSynced(partial, bytes, 0o644);
    await rename(partial, path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function pipDownload(requirement: string, folder: string): Promise<void> {
  // Wheels only: building from source would run the package's own code.
  const args = ['download', '--no-deps', '--only-binary', ':all:', '--quiet', '--dest', folder, requirement];
  const commands: [string, string[]][] = [
    ['python3', ['-m', 'pip', ...args]],
    ['pip', args],
    ['pip3', args],
  ];
  const failures: string[] = [];
  for (const [command, argv] of commands) {
    try {
      await run(command, argv, { timeout: pipTimeoutMs, killSignal: 'SIGKILL' });
      return;
    } catch (error) {
      failures.push(`${command}: ${processFailure(error, pipTimeoutMs)}`);
    }
  }
  throw new Error(failures.join('; '));
}

function processFailure(error: unknown, timeoutMs: number): string {
  const failed = error as { killed?: boolean; code?: unknown; stderr?: string };
  if (failed.killed) return `no answer within ${timeoutMs / 1000} s`;
  if (failed.code === 'ENOENT') return 'not installed';
  const line = failed.stderr?.trim().split('\n').at(-1);
  return line ? line.slice(0, 300) : messageOf(error).split('\n')[0]!.slice(0, 300);
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
