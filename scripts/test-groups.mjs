// Puts test files that leave their process as it was into few processes: most of what a small one takes is to load what it imports.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Files of a group: of those that fill a lake fewer, so that no group takes as long as the longest files. */
const filesOfGroup = { pure: 10, lake: 4 };
const usesLake = /support\/lake\.js|fixture\.test\.js/;
/** What a test changes, or looks at, of its whole process, and what takes long: such a file has one of its own. */
const ofProcess = [
  /node:(child_process|worker_threads)/,
  /\bprocess\.(env|argv|on|once|exit|kill|chdir|umask|stdout|stderr|memoryUsage|resourceUsage|cpuUsage)\b/,
  /\b(QueryThreads|DecodePool|startServer|openTestLake|openLake|globalThis)\b/,
  /\bmock\b/,
  // Hooks and work outside of a suite.
  /^(before|after|beforeEach|afterEach)\(/m,
  /^(const .*= )?await /m,
];

/** What takes longest, begun first so that no core idles at the end; what mostly waits lies between what computes. */
const longest = [
  'test/clock.test',
  'test/kill.test',
  'test/crash-loop.test',
  'test/matrix.test',
  'test/bit-rot.test',
  'test/ui.test',
  'src/query/promql/scripts.test',
  'test/flush/postgres.test',
  'test/flush/local.test',
  'test/flush/catalog-server.test',
  'src/lake/postgres.test',
  'test/catalog-server.test',
  'test/reading-differential.test',
  'test/postgres.test',
  'src/recovery/recovery.test',
  'src/query/traceql/search.test',
  'src/lake/crash.test',
  'src/query/promql/load/recent-random.test',
  'src/query/promql/load/kept-samples.test',
  'src/lake/maintenance/maintenance.test',
  'src/lake/clock/clock.test',
  'src/seal/seal.test',
  'test/lease.test',
  'test/fence.test',
  'test/conformance/promql.test',
  'test/answers.test',
];

/** A group is as long as the longest of its files. */
export function longestFirst(paths) {
  const rank = new Map(
    paths.map((path) => {
      const text = path.endsWith('.mjs') ? readFileSync(path, 'utf8') : path;
      const at = longest.findIndex((name) => text.includes(`${name}.js`));
      return [path, at === -1 ? longest.length : at];
    }),
  );
  return [...paths].sort((a, b) => rank.get(a) - rank.get(b));
}

/** Paths to run: those files that need a process of their own, and for the others files in `folder` that import several each. */
export function grouped(files, folder) {
  const alone = [];
  const together = { pure: [], lake: [] };
  for (const file of files) {
    const text = file.startsWith(join('dist', 'src')) ? readFileSync(file, 'utf8') : null;
    if (text === null || ofProcess.some((pattern) => pattern.test(text))) alone.push(file);
    else together[usesLake.test(text) ? 'lake' : 'pure'].push(file);
  }
  mkdirSync(folder, { recursive: true });
  const groups = [];
  for (const [kind, all] of Object.entries(together)) {
    for (let i = 0; i < all.length; i += filesOfGroup[kind]) {
      const path = join(folder, `group-${String(groups.length).padStart(2, '0')}.test.mjs`);
      const imports = all
        .slice(i, i + filesOfGroup[kind])
        .map((file) => `import ${JSON.stringify(pathToFileURL(resolve(file)).href)};\n`);
      writeFileSync(path, imports.join(''));
      groups.push(path);
    }
  }
  return [...groups, ...alone];
}
