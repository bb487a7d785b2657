import assert from 'node:assert/strict';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startServer, temporaryFolder, type TestServer } from './support/server.js';

describe('start-up', () => {
  let folder: string;
  let server: TestServer;
  before(async () => {
    folder = await temporaryFolder();
    server = await startServer({ dataDir: join(folder, 'data') });
  });
  after(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** A server that should not start: its exit code, and what it said. */
  async function refused(env: Record<string, string>, dataDir = join(folder, 'other')) {
    const failing = await startServer({ dataDir, env, waitReady: false });
    const { code } = await failing.exited;
    return { code, said: await failing.logs() };
  }

  it('keeps what it writes from other users', async () => {
    const names = await readdir(server.dataDir, { recursive: true, withFileTypes: true });
    assert.ok(names.some((entry) => entry.name === 'canardstack.ducklake'));
    assert.equal((await stat(server.dataDir)).mode & 0o077, 0);
    for (const entry of names) {
      const { mode } = await stat(join(entry.parentPath ?? entry.path, entry.name));
      assert.equal(mode & 0o077, 0, `${entry.name} has mode ${(mode & 0o777).toString(8)}`);
    }
  });

  it('ends with 3 when another server has the folder', async () => {
    const { code, said } = await refused({}, server.dataDir);
    assert.equal(code, 3, said);
    assert.match(said, /in use by process \d+/);
  });

  it('ends with 2 and names the setting when TLS files or addresses cannot be used', async () => {
    const text = join(folder, 'text.pem');
    await mkdir(folder, { recursive: true });
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
    ];
    for (const [env, words] of cases) {
      const { code, said } = await refused(env);
      assert.equal(code, 2, said);
      assert.match(said, words);
      assert.doesNotMatch(said, /\n\s+at /, 'a stack trace');
    }
  });
});
