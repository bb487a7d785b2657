import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { skipWithoutPostgres, startPostgres } from './support/postgres.js';
import {
  extensionDir,
  longestWaitMs,
  startServer,
  temporaryFolder,
  type TestServer,
} from './support/server.js';

const main = fileURLToPath(new URL('../src/cli/bin.cjs', import.meta.url));

let folder: string;
before(async () => {
  folder = await temporaryFolder();
});
after(() => rm(folder, { recursive: true, force: true }));

/** As somebody who has no rights: root may write everywhere. */
const asNobody =
  process.getuid?.() === 0 ? 'exec setpriv --reuid 65534 --regid 65534 --clear-groups' : 'exec';

function nobodyCannotRun(): string | false {
  const test = `${asNobody} "$0" -e 'fs.accessSync(process.argv[1])' "$1"`;
  const { status } = spawnSync('/bin/sh', ['-c', test, process.execPath, main]);
  return status === 0 ? false : 'there is no setpriv (util-linux), or others may not read this program';
}

interface Ended {
  readonly code: number | null;
  /** Standard error, line by line. */
  readonly said: readonly string[];
}

/** `canardstack serve` that should not start, by a shell; `run` stands before it. */
async function refused(env: Record<string, string>, run = 'exec'): Promise<Ended> {
  const child = spawn('/bin/sh', ['-c', `${run} "$0" "$1" serve`, process.execPath, main], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      CANARDSTACK_BIND: '127.0.0.1:0',
      CANARDSTACK_GRPC_BIND: '127.0.0.1:0',
      CANARDSTACK_DATA_DIR: join(folder, 'other'),
      CANARDSTACK_DUCKDB_EXTENSION_DIR: extensionDir(),
      CANARDSTACK_LOG_LEVEL: 'silent',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // One that starts after all must not hold the test up.
  const tooLong = setTimeout(() => child.kill('SIGKILL'), longestWaitMs);
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(tooLong);
  return { code, said: text.split('\n').filter((line) => line !== '') };
}

/** It ended with `code`, after one line that matches. */
async function refusedWith(
  code: number,
  words: RegExp,
  env: Record<string, string>,
  run = 'exec',
): Promise<void> {
  const ended = await refused(env, run);
  const said = JSON.stringify(ended);
  assert.equal(ended.code, code, said);
  assert.equal(ended.said.length, 1, said);
  assert.match(ended.said[0] ?? '', words);
}

describe('the folder of a server', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer({ dataDir: join(folder, 'data') });
  });
  after(() => server.stop());

  it('keeps what is in it from other users', async () => {
    const names = await readdir(server.dataDir, { recursive: true, withFileTypes: true });
    assert.ok(names.some((entry) => entry.name === 'canardstack.ducklake'));
    assert.equal((await stat(server.dataDir)).mode & 0o077, 0);
    for (const entry of names) {
      const { mode } = await stat(join(entry.parentPath ?? entry.path, entry.name));
      assert.equal(mode & 0o077, 0, `${entry.name} has mode ${(mode & 0o777).toString(8)}`);
    }
  });

  it("is no other server's: that ends with 3", () =>
    refusedWith(3, /in use by process \d+/, { CANARDSTACK_DATA_DIR: server.dataDir }));

  it('is not needed to find that a port is taken', () =>
    refusedWith(1, /CANARDSTACK_BIND: cannot listen on .*another process has this port/, {
      CANARDSTACK_BIND: server.url.replace('http://', ''),
    }));
});

describe('a start', () => {
  it('ends with 2 and names the setting when TLS files, addresses or keys cannot be used', async () => {
    const text = join(folder, 'text.pem');
    await writeFile(text, 'no certificate');
    const cases: [Record<string, string>, RegExp][] = [
      [{ CANARDSTACK_TLS_CERT: text }, /CANARDSTACK_TLS_KEY/],
      [{ CANARDSTACK_TLS_KEY: text }, /CANARDSTACK_TLS_CERT/],
      [
        { CANARDSTACK_TLS_CERT: join(folder, 'none.pem'), CANARDSTACK_TLS_KEY: text },
        /CANARDSTACK_TLS_CERT: .*none\.pem cannot be read/,
      ],
      [{ CANARDSTACK_TLS_CERT: text, CANARDSTACK_TLS_KEY: text }, /text\.pem .* cannot be used together/],
      [{ CANARDSTACK_BIND: '0.0.0.0:0' }, /CANARDSTACK_BIND is 0\.0\.0\.0:0.*CANARDSTACK_API_KEY/],
      [{ CANARDSTACK_GRPC_BIND: '127.0.0.1:x' }, /^CANARDSTACK_GRPC_BIND: .* neither host:port/],
      [
        { CANARDSTACK_BIND: '192.0.2.1:1', CANARDSTACK_API_KEY: 'long-enough' },
        /^CANARDSTACK_BIND: .* no such address/,
      ],
      [{ CANARDSTACK_DUCKLAKE_QUACK_CA_FILE: text }, /QUACK_CA_FILE: .* holds no certificate/],
      [
        { CANARDSTACK_API_KEY: 'first-line\nsecond-line' },
        /^CANARDSTACK_API_KEY: the value holds what no header/,
      ],
    ];
    for (const [env, words] of cases) await refusedWith(2, words, env);
  });

  it('ends with 2 and names the setting when a folder cannot be used', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await symlink(join(folder, 'nowhere'), join(folder, 'dangling'));
    await symlink(join(folder, 'circle'), join(folder, 'circle'));
    const cases: [string, RegExp][] = [
      [file, /is a file/],
      [join(file, 'below'), /is a file/],
      [join(folder, 'dangling'), /leads nowhere/],
      [join(folder, 'dangling', 'below'), /leads nowhere/],
      [join(folder, 'circle'), /lead in a circle/],
      [join(folder, 'n'.repeat(300)), /too long/],
      [`/${'n/'.repeat(3000)}`, /too long/],
      [join(folder, 'a\nb'), /holds a control character/],
      ...(process.platform === 'linux'
        ? [['/proc/canardstack', /no folder can be made/] as [string, RegExp]]
        : []),
    ];
    for (const [path, words] of cases) {
      await refusedWith(2, new RegExp(`^CANARDSTACK_DATA_DIR: .*${words.source}`), {
        CANARDSTACK_DATA_DIR: path,
      });
    }
    for (const name of [
      'DUCKLAKE_DATA_PATH',
      'CATALOG_BACKUP_PATH',
      'DUCKDB_EXTENSION_DIR',
      'DUCKLAKE_CATALOG_PATH',
    ]) {
      const setting = `CANARDSTACK_${name}`;
      await refusedWith(2, new RegExp(`^${setting}: .*is a file`), { [setting]: join(file, 'below') });
    }
    for (const url of ['s4://bucket/x', 's3://', 's3://b'])
      await refusedWith(2, /^CANARDSTACK_DUCKLAKE_DATA_PATH: .*not a folder, s3/, {
        CANARDSTACK_DUCKLAKE_DATA_PATH: url,
      });
  });

  it('ends with 2 in a folder without permission', { skip: nobodyCannotRun() }, async () => {
    const closed = join(folder, 'closed');
    await mkdir(closed, { mode: 0o555 });
    await chmod(folder, 0o755);
    await refusedWith(
      2,
      /^CANARDSTACK_DATA_DIR: .*permission denied/,
      { CANARDSTACK_DATA_DIR: join(closed, 'data') },
      asNobody,
    );
  });

  it('says what to do when it may open too few files', () =>
    refusedWith(1, /only 64 files may be open at once.*ulimit -n/, {}, 'ulimit -n 64; exec'));

  it('leaves a file alone that is no catalog', async () => {
    for (const bytes of ['garbage!', 'garbage!'.repeat(4000)]) {
      const dataDir = join(folder, `garbage-${bytes.length}`);
      const catalog = join(dataDir, 'canardstack.ducklake');
      await mkdir(dataDir);
      await writeFile(catalog, bytes);
      await refusedWith(1, /canardstack\.ducklake/, { CANARDSTACK_DATA_DIR: dataDir });
      assert.equal(await readFile(catalog, 'utf8'), bytes);
    }
  });
});

describe('a start with a PostgreSQL catalog', { skip: skipWithoutPostgres() }, () => {
  it('waits for no server that refuses its settings', async () => {
    const postgres = await startPostgres();
    try {
      const wrong = postgres.dsn.replace(postgres.password, 'wr0ng-s3cret');
      for (const [dsn, words] of [
        [wrong, /password authentication failed.*correct the user/],
        [postgres.dsn.replace('dbname=lake', 'dbname=sea'), /database "sea" does not exist.*create it/],
        [`${postgres.dsn} hots=x`, /invalid connection option "hots"/],
        ['postgres//s3cret', /is not a libpq connection string/],
      ] as const) {
        const { code, said } = await refused({ CANARDSTACK_POSTGRES_DSN: dsn });
        assert.equal(code, 2, said.join('\n'));
        assert.equal(said.length, 1, said.join('\n'));
        assert.match(said[0] ?? '', new RegExp(`CANARDSTACK_POSTGRES_DSN: .*${words.source}`));
        assert.doesNotMatch(said[0] ?? '', /s3cret/);
      }
    } finally {
      await postgres.stop();
    }
  });
});
