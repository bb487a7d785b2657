import assert from 'node:assert/strict';
import { mkdir, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../../../test/support/server.js';
import { currentFiles } from './files.js';

describe('the files of the web pages', () => {
  it('are those of a build that took the place of another, once it is whole', async () => {
    const folder = await temporaryFolder();
    let nowMs = 0;
    const build = async (name: string) => {
      await writeFile(join(folder, 'assets', name), `// ${name}`);
      await writeFile(join(folder, 'index.html'), `<script src="${name}">`);
    };
    try {
      const files = await currentFiles(folder, () => nowMs);
      const names = async () => [...(await files()).keys()].sort();
      assert.deepEqual(await names(), []);
      await mkdir(join(folder, 'assets'));
      await build('a.js');
      assert.deepEqual(await names(), [], 'it looks once a second');
      nowMs += 1000;
      assert.deepEqual(await names(), ['assets/a.js', 'index.html']);
      const before = (await files()).get('index.html')?.etag;

      await unlink(join(folder, 'assets', 'a.js'));
      await unlink(join(folder, 'index.html'));
      nowMs += 1000;
      assert.deepEqual(await names(), ['assets/a.js', 'index.html'], 'a build is under way');
      await build('b.js');
      nowMs += 1000;
      assert.deepEqual(await names(), ['assets/b.js', 'index.html']);
      assert.notEqual((await files()).get('index.html')?.etag, before);
      await writeFile(join(folder, 'index.html.br'), 'br');
      nowMs += 1000;
      assert.ok((await files()).get('index.html')?.paths.has('br'));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
