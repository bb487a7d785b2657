import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const loader = fileURLToPath(new URL('compiled.cjs', import.meta.url));

describe('what V8 has compiled before', () => {
  it('is there for every file of the program, and V8 takes it', () => {
    const script = `
      const { basename, join } = require('node:path');
      const { readdirSync } = require('node:fs');
      const { compile, compiledFolder, setFlags } = require(${JSON.stringify(loader)});
      setFlags();
      const folder = compiledFolder();
      const program = join(folder, '..', '..');
      const files = readdirSync(program).filter((name) => name.endsWith('.cjs') && !name.endsWith('-thread.cjs'));
      const taken = files.filter((name) => compile(folder, join(program, name)).cachedDataRejected === false);
      console.log(JSON.stringify({ files, taken }));`;
    const { files, taken } = JSON.parse(
      execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }),
    ) as {
      files: string[];
      taken: string[];
    };
    assert.ok(files.length > 5);
    assert.deepEqual(taken, files);
  });
});
