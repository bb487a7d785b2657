import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

/** Each stage may import from those after it, never from those before it. */
const order = [
  'index.ts',
  'cli',
  'http/admin',
  'mcp',
  'receivers',
  'seal',
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
  'durable',
  'timeout',
  'schema',
];

/** Within a stage: folders by the same rule. What is not listed may import all of them, and is imported by none. */
const inside: Readonly<Record<string, readonly string[]>> = {
  query: [
    'query/threads',
    'query/languages',
    'query/promql',
    'query/logql',
    'query/traceql',
    'query/series',
    'query/attributes',
    'query/sql',
    'query/server',
    'query/grammar',
    'query/text',
  ],
  promql: [
    'query/promql/index',
    'query/promql/endpoints',
    'query/promql/api',
    'query/promql/remote-read',
    'query/promql/exec',
    'query/promql/load',
    'query/promql/plan',
    'query/promql/functions',
    'query/promql/syntax',
  ],
  logql: [
    'query/logql/index',
    'query/logql/tail',
    'query/logql/endpoints',
    'query/logql/api',
    'query/logql/exec',
    'query/logql/plan',
    'query/logql/syntax',
    'query/logql/range',
    'query/logql/stages',
    'query/logql/template',
    'query/logql/pipeline',
    'query/logql/model',
    'query/logql/grammar',
  ],
  traceql: [
    'query/traceql/index',
    'query/traceql/streaming',
    'query/traceql/jaeger',
    'query/traceql/jaeger-endpoints',
    'query/traceql/endpoints',
    'query/traceql/api',
    'query/traceql/exec',
    'query/traceql/load',
    'query/traceql/plan',
    'query/traceql/syntax',
    'query/traceql/model',
  ],
};

const languages = ['query/promql', 'query/logql', 'query/traceql'];

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts') && !/\.test(\.support)?\.ts$/.test(file));

/** Every file and the files that it imports, by value or by type. */
const imports = new Map(
  files.map((file) => {
    const specifiers = readFileSync(join('src', file), 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g);
    const targets = [...specifiers].map(([, specifier = '']) =>
      join(file, '..', specifier).replaceAll('\\', '/').replace(/\.js$/, '.ts'),
    );
    return [file, targets.filter((target) => !target.startsWith('..'))] as const;
  }),
);

const stageOf = (path: string) => (path.startsWith('http/admin') ? 'http/admin' : (path.split('/')[0] ?? ''));

describe('layout', () => {
  it('imports point one way', () => {
    const wrong: string[] = [];
    assert.ok(files.length > 50);
    for (const [file, targets] of imports) {
      const from = order.indexOf(stageOf(file));
      assert.notEqual(from, -1, `${file} belongs to no stage`);
      for (const target of targets) {
        if (order.indexOf(stageOf(target)) < from) wrong.push(`${file} imports ${target}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('imports within a stage point one way', () => {
    const within = (folders: readonly string[], file: string) =>
      folders.findIndex((folder) => file.startsWith(`${folder}/`) || file === `${folder}.ts`);
    const wrong: string[] = [];
    for (const [file, targets] of imports) {
      for (const folders of Object.values(inside)) {
        const from = within(folders, file);
        if (from < 0) continue;
        for (const target of targets) {
          const to = within(folders, target);
          const sibling = to !== from && [from, to].every((at) => languages.includes(folders[at] ?? ''));
          if (to >= 0 && (to < from || sibling)) wrong.push(`${file} imports ${target}`);
        }
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('no files import each other in a circle, by value or by type', () => {
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      const at = path.indexOf(file);
      if (at >= 0) circles.push([...path.slice(at), file].join(' > '));
      if (at >= 0 || done.has(file)) return;
      for (const target of imports.get(file) ?? []) visit(target, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    assert.deepEqual(circles, []);
  });
});
