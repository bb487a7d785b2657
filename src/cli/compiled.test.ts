import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const loader = fileURLToPath(new URL('compiled.cjs', import.meta.url));
const program = fileURLToPath(new URL('../../program/', import.meta.url));

/** Runs a script that has the loader's functions in a Node.js of its own, as V8 ends the process that it distrusts. */
function run(script: string): unknown {
  const whole = `const { compile, keepCompiled, setFlags } = require(${JSON.stringify(loader)});
    setFlags();
    ${script}`;
  const env = { ...process.env, NODE_OPTIONS: '' };
  return JSON.parse(execFileSync(process.execPath, ['-e', whole], { encoding: 'utf8', env }));
}

describe('what V8 has compiled before', () => {
  let folder: string;
  let file: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'canardstack-compiled-'));
    file = join(folder, 'program.cjs');
  });
  after(() => rmSync(folder, { recursive: true }));

  const kept = () => join(folder, 'kept', 'program.cjs');

  /** Keeps what V8 makes of a source. */
  function keep(source: string): void {
    writeFileSync(file, source);
    run(`const file = ${JSON.stringify(file)}; const kept = ${JSON.stringify(join(folder, 'kept'))};
      require('node:fs').mkdirSync(kept, { recursive: true });
      const script = compile(kept, file);
      script.runInThisContext()({}, require, {}, file, '');
      keepCompiled(kept, file, script);
      console.log('null');`);
  }

  /** What the source gives now, and whether V8 took what was kept. */
  function load(): unknown {
    return run(`const file = ${JSON.stringify(file)}; const kept = ${JSON.stringify(join(folder, 'kept'))};
      const script = compile(kept, file);
      const exported = {};
      script.runInThisContext()(exported, require, { exports: exported }, file, '');
      console.log(JSON.stringify({ value: exported.value, taken: script.cachedDataRejected === false }));`);
  }

  const source = (value: number) =>
    `exports.value = (() => { const f = () => ${value}; return f(); })();\n`.repeat(50);

  it('is taken', () => {
    keep(source(1));
    assert.deepEqual(load(), { value: 1, taken: true });
  });

  it('is not taken for another source of the same length', () => {
    keep(source(1));
    writeFileSync(file, source(2));
    assert.deepEqual(load(), { value: 2, taken: false });
  });

  it('is not taken when it is damaged', () => {
    keep(source(3));
    const whole = readFileSync(kept());
    const damage: Record<string, (bytes: Buffer) => Buffer> = {
      flipped: (bytes) => {
        bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
        return bytes;
      },
      short: (bytes) => bytes.subarray(0, -8),
      'half of zeros': (bytes) => bytes.fill(0, bytes.length >> 1),
      empty: () => Buffer.alloc(0),
    };
    for (const [name, damaged] of Object.entries(damage)) {
      writeFileSync(kept(), damaged(Buffer.from(whole)));
      assert.deepEqual(load(), { value: 3, taken: false }, name);
    }
  });

  it('is there for every file of the program', () => {
    const folders = readdirSync(join(program, 'compiled'));
    const files = readdirSync(program).filter(
      (name) => name.endsWith('.cjs') && !name.endsWith('-thread.cjs'),
    );
    assert.ok(files.length > 5);
    for (const name of folders) {
      const there = new Set(readdirSync(join(program, 'compiled', name)));
      assert.deepEqual(
        files.filter((each) => !there.has(each)),
        [],
      );
    }
    assert.ok(folders.length > 0);
  });
});
