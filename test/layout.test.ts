import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

/** Each stage may import from those after it, never from those before it. */
const order = [
  'cli',
  'http/admin',
  'seal',
  'otlp',
  'http',
  'query',
  'recovery',
  'lake',
  'catalog',
  'storage',
  'duckdb',
  'spool',
  'grpc',
  'decode',
  'config',
  'telemetry',
  'faults',
  'schema',
];

const stageOf = (path: string) => (path.startsWith('http/admin') ? 'http/admin' : (path.split('/')[0] ?? ''));

describe('layout', () => {
  it('imports point one way', () => {
    const wrong: string[] = [];
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
    );
    assert.ok(files.length > 50);
    for (const file of files) {
      const from = order.indexOf(stageOf(file));
      assert.notEqual(from, -1, `${file} belongs to no stage`);
      for (const [, specifier = ''] of readFileSync(join('src', file), 'utf8').matchAll(
        /(?:from|import\()\s*'(\.[^']+)'/g,
      )) {
        const target = join(file, '..', specifier).replaceAll('\\', '/');
        if (target.startsWith('..')) continue;
        const to = order.indexOf(stageOf(target));
        if (to < from) wrong.push(`${file} imports ${target}`);
      }
    }
    assert.deepEqual(wrong, []);
  });
});
