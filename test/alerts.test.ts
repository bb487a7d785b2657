import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';

const run = promisify(execFile);
const rules = 'deploy/prometheus/alerts.yaml';

function promtool(): string | null {
  const path = process.env['PROMTOOL'] || join(process.cwd(), '.cache/bin/promtool');
  return existsSync(path) ? path : null;
}

const missing =
  promtool() === null && process.env['CI'] !== 'true'
    ? process.env['PROMTOOL_MISSING'] || 'promtool is not installed; PROMTOOL names it'
    : false;

describe('alert rules', () => {
  it(
    'are accepted by promtool, fire when they should, and are silent when all is well',
    { skip: missing },
    async () => {
      const program = promtool() ?? 'promtool';
      await run(program, ['check', 'rules', '--lint=all', '--lint-fatal', rules]);
      await run(program, ['test', 'rules', 'deploy/prometheus/alerts.test.yaml']);
    },
  );

  it('name only metrics that the program has, and runbook sections that the docs have', () => {
    const source = readdirSync('src', { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(join('src', file), 'utf8'))
      .join('\n');
    const docs = readFileSync('docs/operations.md', 'utf8');
    const { groups } = parse(readFileSync(rules, 'utf8')) as {
      groups: { rules: { alert: string; expr: string; annotations: { runbook: string } }[] }[];
    };
    const all = groups.flatMap((group) => group.rules);
    assert.ok(all.length > 10);
    for (const { alert, expr, annotations } of all) {
      for (const [name] of expr.matchAll(/\b(canardstack|ducklake)_[a-z_]+/g)) {
        assert.ok(source.includes(`'${name}'`), `${alert} asks for ${name}, which nothing exports`);
      }
      const [file = '', ...sections] = annotations.runbook.split(/, |; /);
      assert.equal(file, 'docs/operations.md');
      for (const section of sections)
        assert.ok(docs.includes(`## ${section}\n`), `${alert}: no section "${section}"`);
    }
  });
});
