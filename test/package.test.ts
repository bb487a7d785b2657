import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { extensionDir, temporaryFolder } from './support/server.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

const use = `
import { ConfigError, resolveConfig, settingNames, startServer, version } from 'canardstack';
import type { Config, RunningServer } from 'canardstack';

const names: readonly (keyof Config)[] = settingNames;
const given = { dataDir: process.argv[2], duckdbExtensionDir: process.argv[3], bind: '127.0.0.1:0', grpcBind: 'off', logLevel: 'error' };
const config: Config = resolveConfig({ flags: given }).config;
let refused = '';
try {
  resolveConfig({ flags: { bind: 'nowhere' } });
} catch (error) {
  if (error instanceof ConfigError) refused = error.problems.join();
}
const server: RunningServer = await startServer(config);
const ready: number = (await fetch(new URL('/readyz', server.url))).status;
const drained: boolean = await server.close();
console.log(JSON.stringify({ version, settings: names.length, refused, ready, drained }));
`;

const wrong = `
import { startServer } from 'canardstack';
void startServer({ bind: 1 });
`;

describe('the package, packed and installed', () => {
  let folder: string;
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string;
    dependencies: Record<string, string>;
  };
  before(async () => {
    folder = await temporaryFolder();
    const packed = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
      cwd: root,
      maxBuffer: 16 * 1024 ** 2,
    });
    const [{ filename } = { filename: '' }] = JSON.parse(packed.stdout) as { filename: string }[];
    const modules = join(folder, 'node_modules');
    mkdirSync(join(modules, 'canardstack'), { recursive: true });
    await run('tar', [
      '-xzf',
      join(folder, filename),
      '--strip-components=1',
      '-C',
      join(modules, 'canardstack'),
    ]);
    // Its dependencies alone: what only development installs is not there.
    for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(root, 'node_modules', name), join(modules, name));
    }
    writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }');
  });

  it('is imported by its name, has types that refuse a wrong use, and serves', async () => {
    writeFileSync(join(folder, 'use.ts'), use);
    writeFileSync(join(folder, 'wrong.ts'), wrong);
    const options = [
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--types',
      'node',
      '--skipLibCheck',
    ];
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const args = [compiler, ...options, '--pretty', 'false', 'use.ts', 'wrong.ts'];
    // One run for both: it writes JavaScript whatever it finds.
    await assert.rejects(run(process.execPath, args, { cwd: folder }), {
      stdout: /^wrong\.ts\(3,\d+\): error TS2322: [^\n]*\n$/,
    });
    const { stdout } = await run(process.execPath, ['use.js', join(folder, 'data'), extensionDir()], {
      cwd: folder,
    });
    const { settings, refused, ...rest } = JSON.parse(stdout) as { settings: number; refused: string };
    assert.deepEqual(rest, { version: manifest.version, ready: 200, drained: true });
    assert.ok(settings > 50);
    assert.match(refused, /CANARDSTACK_BIND \(--bind\)/);
  });

  it('keeps its inner files to itself', async () => {
    const inner = "await import('canardstack/dist/src/cli/server/index.js')";
    await assert.rejects(run(process.execPath, ['--input-type=module', '-e', inner], { cwd: folder }), {
      stderr: /ERR_PACKAGE_PATH_NOT_EXPORTED/,
    });
  });
});
