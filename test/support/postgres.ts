import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync, readdirSync } from 'node:fs';
import { appendFile, chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, longestWaitMs } from './server.js';

const run = promisify(execFile);

export interface TestPostgres {
  /** Superuser's libpq connection string, over TCP on 127.0.0.1, with its password; database `lake`. */
  readonly dsn: string;
  readonly password: string;
  readonly port: number;
  /** Of the postmaster. */
  readonly pid: number;
  readonly folder: string;
  /** Rows of a statement as psql prints them unaligned, a line each, columns apart by `|`. */
  psql(sql: string, database?: string): Promise<string[]>;
  /** Makes an empty database and gives its connection string. */
  database(name: string): Promise<string>;
  logs(): Promise<string>;
  /** SIGKILL to the postmaster and its children, as when the machine is lost. */
  kill(): Promise<void>;
  /** Sends a signal to the postmaster and all its children: SIGSTOP and SIGCONT make a server that hangs. */
  signalAll(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and data. */
  start(): Promise<void>;
  /** Fast shutdown, and the folder removed. */
  stop(): Promise<void>;
}

const password = 'pg-s3cret-42';

/** The folder of PostgreSQL's server binaries, or null: they are seldom on the path. */
export function postgresBinaries(): string | null {
  const given = process.env['POSTGRES_BIN'];
  const versions = '/usr/lib/postgresql';
  const packaged = existsSync(versions)
    ? readdirSync(versions)
        .sort((a, b) => Number(b) - Number(a))
        .map((version) => join(versions, version, 'bin'))
    : [];
  const folders = [...(given ? [given] : []), ...packaged, ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.find((folder) => existsSync(join(folder, 'initdb'))) ?? null;
}

/**
 * A reason to skip tests that need PostgreSQL, or false. On CI it never skips: there the start fails and says why.
 */
export function skipWithoutPostgres(): string | false {
  if (postgresBinaries() !== null || process.env['CI'] === 'true') return false;
  return "PostgreSQL's server binaries (initdb, postgres) are not installed; POSTGRES_BIN names their folder";
}

/**
 * A PostgreSQL server of its own: temporary folder, free port on 127.0.0.1, socket in the folder. `fsync` is off
 * unless the test is about lost power; a killed server keeps what the kernel has. With `tls` (PEM) it takes no
 * connection over TCP without it.
 */
export async function startPostgres(
  options: { fsync?: boolean; tls?: { cert: string; key: string } } = {},
): Promise<TestPostgres> {
  const bin = postgresBinaries();
  if (bin === null) throw new Error(skipWithoutPostgres() || 'PostgreSQL is not installed');
  const owner = await serverUser();
  const folder = await mkdtemp(join(tmpdir(), 'canardstack-pg-'));
  if (owner) await chown(folder, owner.uid, owner.gid);
  const as = { ...(owner ?? {}), env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' }, cwd: folder };
  const data = join(folder, 'data');
  const log = join(folder, 'log');
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, password);
  await chmod(passwordFile, 0o644);
  await run(
    join(bin, 'initdb'),
    [
      '-D',
      data,
      '-U',
      'canard',
      '-E',
      'UTF8',
      '--locale=C',
      '-A',
      'scram-sha-256',
      `--pwfile=${passwordFile}`,
      '-N',
    ],
    as,
  );
  const port = await freePort();
  const settings = [
    `port = ${port}`,
    `listen_addresses = '127.0.0.1'`,
    `unix_socket_directories = '${folder}'`,
    `fsync = ${options.fsync === true ? 'on' : 'off'}`,
    'shared_buffers = 32MB',
    'max_connections = 200',
  ];
  if (options.tls) {
    const [cert, key] = [join(folder, 'server.crt'), join(folder, 'server.key')];
    await writeFile(cert, options.tls.cert);
    await writeFile(key, options.tls.key, { mode: 0o600 });
    if (owner) await chown(key, owner.uid, owner.gid);
    settings.push('ssl = on', `ssl_cert_file = '${cert}'`, `ssl_key_file = '${key}'`);
    await writeFile(join(data, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n');
  }
  await appendFile(join(data, 'postgresql.conf'), `${settings.join('\n')}\n`);

  let postmaster: ChildProcess;
  let ended: Promise<unknown>;
  const dsn = (name: string) => `host=127.0.0.1 port=${port} user=canard password=${password} dbname=${name}`;
  const psql = async (sql: string, name = 'lake') => {
    const args = [
      '-X',
      '-A',
      '-t',
      '-v',
      'ON_ERROR_STOP=1',
      '-h',
      '127.0.0.1',
      '-p',
      String(port),
      '-U',
      'canard',
      '-d',
      name,
      '-c',
      sql,
    ];
    const { stdout } = await run(join(bin, 'psql'), args, {
      env: { PATH: process.env['PATH'], PGPASSWORD: password },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout.split('\n').filter((line) => line !== '');
  };
  const start = async () => {
    postmaster = spawn(join(bin, 'postgres'), ['-D', data], { ...as, stdio: ['ignore', 'pipe', 'pipe'] });
    const sink = createWriteStream(log, { flags: 'a' });
    postmaster.stdout?.pipe(sink, { end: false });
    postmaster.stderr?.pipe(sink, { end: false });
    ended = once(postmaster, 'exit').then(() => sink.end());
    const deadline = Date.now() + longestWaitMs;
    for (;;) {
      try {
        await psql('SELECT 1', 'postgres');
        return;
      } catch (error) {
        if (Date.now() > deadline || postmaster.exitCode !== null) {
          postmaster.kill('SIGKILL');
          throw new Error(`PostgreSQL did not start:\n${await readFile(log, 'utf8')}`, { cause: error });
        }
        await sleep(50);
      }
    }
  };
  const database = async (name: string) => {
    await psql(`CREATE DATABASE ${name}`, 'postgres');
    return dsn(name);
  };
  const signalAll = async (signal: NodeJS.Signals) => {
    const pid = postmaster.pid as number;
    for (const child of [pid, ...(await childrenOf(pid))]) {
      try {
        process.kill(child, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  };
  await mkdir(folder, { recursive: true });
  try {
    await start();
    await database('lake');
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    dsn: dsn('lake'),
    password,
    port,
    folder,
    get pid() {
      return postmaster.pid as number;
    },
    psql,
    database,
    signalAll,
    logs: () => readFile(log, 'utf8'),
    async kill() {
      await signalAll('SIGKILL');
      await ended;
    },
    start,
    async stop() {
      // SIGINT is PostgreSQL's fast shutdown: open sessions are ended.
      if (postmaster.exitCode === null && postmaster.signalCode === null) postmaster.kill('SIGINT');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** initdb and postgres refuse to run as root: then they run as the user `postgres`, or else `nobody`. */
async function serverUser(): Promise<{ uid: number; gid: number } | null> {
  if (userInfo().uid !== 0) return null;
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all(
        ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, name])).stdout)),
      );
      return { uid: uid as number, gid: gid as number };
    } catch {
      // no such user
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody to run it');
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-o', 'pid=', '--ppid', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout
    .split('\n')
    .map(Number)
    .filter((child) => child > 0);
}
