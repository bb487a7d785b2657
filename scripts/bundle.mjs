// Joins the compiled program and its threads to a few files in dist/program, which load in half the time of 1,300.
import { rmSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const dist = resolve(import.meta.dirname, '..', 'dist');
const out = join(dist, 'program');
const entries = {
  main: 'cli/main.js',
  'query-thread': 'query/threads/worker.js',
  'decode-thread': 'decode/pool/worker.js',
  'peek-thread': 'decode/peek/worker.js',
  'index-thread': 'lake/token-index/worker.js',
  'tunnel-thread': 'catalog/tunnel/worker.js',
  'lease-thread': 'catalog/lease/renewal.js',
};
const input = Object.fromEntries(
  Object.entries(entries).map(([name, file]) => [name, join(dist, 'src', file)]),
);
const names = new Map(Object.entries(input).map(([name, file]) => [file, `${name}.js`]));

/** What a module finds beside itself (threads, the pages, package.json), as seen from the bundle. */
const besides = {
  name: 'besides',
  transform(code, id) {
    if (!id.startsWith(dist) || !code.includes('import.meta.url')) return null;
    const seenFromHere = code.replaceAll(/new URL\('(\.[^']+)', import\.meta\.url\)/g, (_, path) => {
      const target = join(dirname(id), path);
      const seen = names.get(target) ?? relative(out, target) + (path.endsWith('/') ? '/' : '');
      return `new URL('./${seen}', import.meta.url)`;
    });
    // Only columns shift.
    return { code: seenFromHere, map: null };
  },
};

rmSync(out, { recursive: true, force: true });
const bundle = await rolldown({
  input,
  platform: 'node',
  plugins: [besides],
  // Native modules find their binaries beside themselves.
  external: ['@duckdb/node-bindings', '@node-rs/crc32', 'snappy'],
});
await bundle.write({
  dir: out,
  format: 'esm',
  sourcemap: true,
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
});
