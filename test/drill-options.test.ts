import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';

/** Drills and benches that are programs. */
const programs = ['drill', 'bench'].flatMap((folder) =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({ name: `${folder}/${file}`, source: readFileSync(join(folder, file), 'utf8') }))
    .filter(({ name, source }) => name !== 'bench/options.ts' && /\boptions\($/m.test(source)),
);

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

function run(name: string, option: string): Promise<Ended> {
  const program = join('dist', name.replace(/\.ts$/, '.js'));
  return new Promise((resolve) => {
    execFile(process.execPath, [program, option], (error, out, told) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, error: told });
    });
  });
}

for (const { name, source } of programs) {
  it(`${name} says what it can be told, and ends with 2 when told anything else`, async () => {
    const help = await run(name, '--help');
    assert.deepEqual([help.code, help.error], [0, '']);
    assert.match(
      help.out,
      /^(?:npm run \S+ \[-- OPTIONS\]|node \S+ \[OPTIONS\])\n\n[^]+\n {2}--help +this text\n$/,
    );
    for (const option of ['--nonsense', ...(/value: \d/.test(source) ? [`${numberOf(source)}=many`] : [])]) {
      const wrong = await run(name, option);
      assert.deepEqual([wrong.code, wrong.out], [2, ''], option);
      assert.match(wrong.error, /^\w[\w-]*\.js: [^\n]+; --help tells what there is\n$/);
    }
  });
}

it('there are programs to ask', () =>
  assert.ok(programs.length > 15, programs.map(({ name }) => name).join()));

function numberOf(source: string): string {
  return `--${/(\w+): \{ value: \d/.exec(source)?.[1] ?? ''}`;
}
