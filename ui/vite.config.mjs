import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';

const outDir = join(import.meta.dirname, '..', 'dist', 'ui');

/** Beside each file its brotli and gzip form, so that the server compresses nothing. */
const compressed = {
  name: 'compressed',
  apply: 'build',
  closeBundle() {
    for (const name of readdirSync(outDir, { recursive: true })) {
      if (!/\.(js|css|html|svg)$/.test(name)) continue;
      const content = readFileSync(join(outDir, name));
      if (content.length < 512) continue;
      const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
      writeFileSync(join(outDir, `${name}.br`), brotliCompressSync(content, { params }));
      writeFileSync(join(outDir, `${name}.gz`), gzipSync(content, { level: 9 }));
    }
  },
};

export default defineConfig({
  root: import.meta.dirname,
  base: '/ui/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // Inlined files would need data: URLs, which the policy does not let scripts and fonts have.
  build: {
    outDir,
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    chunkSizeWarningLimit: 700,
  },
  plugins: [compressed],
  server: { proxy: { '^/(api|loki|metrics|readyz|ui/session)': 'http://127.0.0.1:4318' } },
});
