// Joins the compiled program and its threads to a few files in dist/program, which load in half the time of 1,300.
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const dist = resolve(import.meta.dirname, '..', 'dist');
const out = join(dist, 'program');
const threads = {
  query: 'query/threads/worker.js',
  decode: 'decode/pool/worker.js',
  peek: 'decode/peek/worker.js',
  index: 'lake/token-index/worker.js',
  tunnel: 'catalog/tunnel/worker.js',
  lease: 'catalog/lease/renewal.js',
};
const source = (file) => join(dist, 'src', file);
// Files that others share with `main` are not in it then, which begins when it is loaded.
const input = { main: source('cli/main.js'), program: source('cli/program.js') };
for (const [name, file] of Object.entries(threads)) input[name] = source(file);
const names = new Map(Object.entries(threads).map(([name, file]) => [source(file), `${name}-thread.cjs`]));

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

/** It takes its code out of a data URL by `fetch` where there is one, which loads an HTTP client in each thread. */
const zstd = {
  name: 'zstd',
  transform(code, id) {
    if (!id.includes('zstddec')) return null;
    const asked = 'typeof fetch !== "undefined"';
    if (!code.includes(asked)) throw new Error(`${id} has changed: see how it takes its code`);
    return { code: code.replace(asked, 'false'), map: null };
  },
};

rmSync(out, { recursive: true, force: true });
const bundle = await rolldown({
  input,
  platform: 'node',
  plugins: [besides, zstd],
  // Native modules find their binaries beside themselves.
  external: ['@duckdb/node-bindings', '@node-rs/crc32', 'snappy'],
});
await bundle.write({
  dir: out,
  format: 'cjs',
  sourcemap: true,
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name]-[hash].cjs',
});

for (const name of Object.keys(threads)) {
  const thread = `require('../src/cli/compiled.cjs').useCompiled();\nrequire('./${name}.cjs');\n`;
  writeFileSync(join(out, `${name}-thread.cjs`), thread);
}
