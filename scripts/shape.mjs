/**
 * The shape of the code at a commit: `npm run shape [commit]` (default: HEAD). Lines and files, circles of imports,
 * exports that nobody imports, and runs of six lines and more that stand in more than one place.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const commit = process.argv[2] ?? 'HEAD';
const folder = mkdtempSync(join(tmpdir(), 'canardstack-shape-'));
try {
  const archive = execFileSync('git', ['archive', commit], { maxBuffer: 1024 ** 3 });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  const all = sources(folder);
  const tests = all.filter(({ path }) => /^test\/|\.test(\.support)?\.ts$/.test(path));
  const code = all.filter(({ path }) => path.startsWith('src/') && !tests.some((test) => test.path === path));
  const runs = repeated(code);
  const figures = {
    commit: execFileSync('git', ['rev-parse', '--short', commit], { encoding: 'utf8' }).trim(),
    files: code.length,
    lines: lines(code),
    'longest file': Math.max(...code.map(({ text }) => text.split('\n').length - 1)),
    'test files': tests.length,
    'test lines': lines(tests),
    'circles of imports': circles(code),
    'unused exports': unused(folder),
    'repeated runs of six lines and more': runs.length,
    'lines in them': runs.reduce((sum, length) => sum + length, 0),
  };
  for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(36)} ${value}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function sources(root) {
  return ['src', 'test'].flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.c?ts$/.test(file))
      .map((file) => ({ path: join(top, file), text: readFileSync(join(root, top, file), 'utf8') })),
  );
}

function lines(files) {
  return files.reduce((sum, { text }) => sum + text.split('\n').length - 1, 0);
}

/** Groups of files that import each other, by value or by type (strongly connected components, Tarjan). */
function circles(files) {
  const imports = new Map(
    files.map(({ path, text }) => [
      path,
      [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, to]) =>
        join(path, '..', to).replace(/\.js$/, '.ts'),
      ),
    ]),
  );
  const [index, low, open, stack] = [new Map(), new Map(), new Set(), []];
  let found = 0;
  const visit = (file) => {
    index.set(file, index.size);
    low.set(file, index.get(file));
    open.add(file);
    stack.push(file);
    for (const to of imports.get(file) ?? []) {
      if (!imports.has(to)) continue;
      if (!index.has(to)) visit(to);
      if (open.has(to)) low.set(file, Math.min(low.get(file), low.get(to)));
    }
    if (low.get(file) !== index.get(file)) return;
    let size = 0;
    for (let last = null; last !== file; size++) open.delete((last = stack.pop()));
    if (size > 1) found++;
  };
  for (const file of imports.keys()) if (!index.has(file)) visit(file);
  return found;
}

/** Exports and exported types that no other file imports, by knip with this commit's settings or, without any, ours. */
function unused(root) {
  symlinkSync(join(process.cwd(), 'node_modules'), join(root, 'node_modules'));
  if (!existsSync(join(root, 'knip.json'))) copyFileSync('knip.json', join(root, 'knip.json'));
  const knip = join(process.cwd(), 'node_modules/knip/bin/knip.js');
  const options = ['--directory', root, '--include', 'exports,types', '--reporter', 'json', '--no-exit-code'];
  const report = execFileSync(process.execPath, [knip, ...options], {
    encoding: 'utf8',
    maxBuffer: 1024 ** 3,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const { issues } = JSON.parse(report);
  return issues.reduce((sum, { exports = [], types = [] }) => sum + exports.length + types.length, 0);
}

/** Lengths of the stretches of code whose every window of six lines stands elsewhere too. Imports and blank lines don't count. */
function repeated(files) {
  const window = 6;
  const texts = files.map(({ text }) =>
    text
      .replace(/^(import|export)\s[^;]*?\sfrom\s'[^']+';$/gm, '')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
  );
  const key = (rows, i) => rows.slice(i, i + window).join('\n');
  const count = new Map();
  for (const rows of texts) {
    for (let i = 0; i + window <= rows.length; i++)
      count.set(key(rows, i), (count.get(key(rows, i)) ?? 0) + 1);
  }
  return texts.flatMap((rows) => {
    const found = [];
    let end = 0;
    for (let i = 0; i + window <= rows.length; i++) {
      if (count.get(key(rows, i)) < 2) continue;
      if (i < end) found[found.length - 1] += i + window - end;
      else found.push(window);
      end = i + window;
    }
    return found;
  });
}
