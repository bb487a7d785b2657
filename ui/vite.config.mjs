import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { defineConfig } from 'vite';

const outDir = join(import.meta.dirname, '..', 'dist', 'ui');

/** Beside each file its brotli and gzip form, so that the server compresses nothing. */
const compressed = {
  name: 'compressed',
  apply: 'build',
  async closeBundle() {
    const names = readdirSync(outDir, { recursive: true }).filter((name) =>
      /\.(js|css|html|svg)$/.test(name),
    );
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
    await Promise.all(
      names.map(async (name) => {
        const content = readFileSync(join(outDir, name));
        if (content.length < 512) return;
        writeFileSync(join(outDir, `${name}.br`), await promisify(brotliCompress)(content, { params }));
        writeFileSync(join(outDir, `${name}.gz`), await promisify(gzip)(content, { level: 9 }));
      }),
    );
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
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  plugins: [compressed],
  server: { proxy: { '^/(api|loki|metrics|readyz|ui/session)': 'http://127.0.0.1:4318' } },
});
