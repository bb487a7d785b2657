import assert from 'node:assert/strict';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { crc32, deflateRawSync } from 'node:zlib';
import { extensionDir, temporaryFolder } from '../../test/support/server.js';
import { defaultExtensionDir, duckdbBuild, installExtensions, LakeError } from './index.js';
import { zipMember } from './zip.js';

/** A zip archive of the given members, each stored or deflated. */
function zip(members: readonly { name: string; data: Buffer; deflate: boolean }[]): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data, deflate } of members) {
    const body = deflate ? deflateRawSync(data) : data;
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(deflate ? 8 : 0, 4);
    fields.writeUInt32LE(crc32(data), 10);
    fields.writeUInt32LE(body.length, 14);
    fields.writeUInt32LE(data.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), fields, Buffer.from(name), body]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(
      Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), fields, rest, Buffer.from(name)]),
    );
    locals.push(local);
    offset += local.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, list, end]);
}

describe('zipMember', () => {
  const archive = zip([
    { name: 'a/first.txt', data: Buffer.from('stored'), deflate: false },
    { name: 'b/second.bin', data: Buffer.alloc(100_000, 'x'), deflate: true },
  ]);

  it('finds stored and deflated members by the end of their names', () => {
    assert.equal(zipMember(archive, '/first.txt', 1e6)?.toString(), 'stored');
    assert.deepEqual(zipMember(archive, 'second.bin', 1e6), Buffer.alloc(100_000, 'x'));
    assert.equal(zipMember(archive, 'third', 1e6), null);
  });

  it('refuses what is no zip, is damaged or too large', () => {
    assert.throws(() => zipMember(Buffer.from('hello'), 'x', 10));
    assert.throws(() => zipMember(Buffer.alloc(0), 'x', 10));
    assert.throws(() => zipMember(archive, 'second.bin', 1000), /larger/);
    assert.throws(() => zipMember(archive.subarray(100), 'second.bin', 1e6));
  });
});

describe('DuckDB extensions', () => {
  let folder: string;
  const pip = ['PIP_INDEX_URL', 'PIP_EXTRA_INDEX_URL', 'PIP_FIND_LINKS', 'PIP_NO_INDEX', 'PIP_RETRIES'];
  const saved = pip.map((name) => process.env[name]);

  beforeEach(async () => {
    folder = await temporaryFolder();
  });

  afterEach(async () => {
    for (const [i, name] of pip.entries()) {
      if (saved[i] === undefined) delete process.env[name];
      else process.env[name] = saved[i];
    }
    await rm(folder, { recursive: true, force: true });
  });

  it('are taken from the folder when they are there', async () => {
    const [found] = await installExtensions({ dir: extensionDir(), names: ['ducklake'] });
    const { version, platform } = await duckdbBuild();
    assert.deepEqual(found, {
      name: 'ducklake',
      path: join(extensionDir(), version, platform, 'ducklake.duckdb_extension'),
      source: 'present',
    });
  });

  it('come out of a wheel that pip finds, as a whole file', async () => {
    const { version, platform } = await duckdbBuild();
    const wheels = join(folder, 'wheels');
    await mkdir(wheels);
    const name = 'duckdb_extension_canard_test';
    const bare = version.slice(1);
    const file = `${name}-${bare}-py3-none-any.whl`;
    const text = (at: string, content: string) => ({ name: at, data: Buffer.from(content), deflate: true });
    await writeFile(
      join(wheels, file),
      zip([
        text(`${name}/extensions/${version}/canard_test.duckdb_extension`, 'signed bytes'),
        text(
          `${name}-${bare}.dist-info/METADATA`,
          `Metadata-Version: 2.1\nName: duckdb-extension-canard-test\nVersion: ${bare}\n`,
        ),
        text(
          `${name}-${bare}.dist-info/WHEEL`,
          'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
        ),
        text(`${name}-${bare}.dist-info/RECORD`, ''),
      ]),
    );
    Object.assign(process.env, { PIP_NO_INDEX: '1', PIP_FIND_LINKS: wheels });
    const dir = join(folder, 'extensions');
    const before = process.umask(0o077);
    try {
      const [found] = await installExtensions({ dir, names: ['canard_test'] });
      assert.equal(found?.source, 'pypi');
      // Others may use it, whatever else the process keeps to itself.
      for (const path of [dir, join(dir, version), join(dir, version, platform)])
        assert.equal((await stat(path)).mode & 0o777, 0o755, path);
      assert.equal((await stat(found.path)).mode & 0o777, 0o644);
      assert.equal((await stat(folder)).mode & 0o077, 0);
    } finally {
      process.umask(before);
    }
    assert.deepEqual(await readdir(join(dir, version, platform)), ['canard_test.duckdb_extension']);
  });

  it('that nobody has give an error which names the extension, the folder and the ways to get it', async () => {
    Object.assign(process.env, { PIP_NO_INDEX: '1', PIP_FIND_LINKS: folder });
    await assert.rejects(installExtensions({ dir: folder, names: ['canard_test'] }), (error) => {
      assert.ok(error instanceof LakeError && error.kind === 'extension');
      assert.match(error.message, /"canard_test"/);
      assert.ok(error.message.includes(folder));
      assert.match(error.message, /put the file there.*install-extensions.*pip can download/s);
      return true;
    });
    await assert.rejects(installExtensions({ dir: folder, names: ['../x'] }), LakeError);
  });

  it('lie in the user cache by default', () => {
    assert.equal(defaultExtensionDir({ XDG_CACHE_HOME: '/c' }), join('/c', 'canardstack', 'extensions'));
  });
});
