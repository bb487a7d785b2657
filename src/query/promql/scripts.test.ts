import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { insertScript, readScript, type Evaluation, type Point } from '../../../test/support/promql.js';
import { execute, type QueryResult } from './exec/engine.js';
import { parse } from './plan/prepare.js';

const folder = new URL('../../../../src/query/promql/testdata/', import.meta.url);

for (const file of readdirSync(folder).filter((name) => name.endsWith('.test'))) {
  describe(file, () => {
    const script = readScript(readFileSync(new URL(file, folder), 'utf8'));
    let lake: TestLake;
    before(async () => {
      lake = await testLake();
      await insertScript(lake, script.loads);
    });
    after(() => lake.close());
    for (const evaluation of script.evaluations) {
      it(`line ${evaluation.line}: ${evaluation.expr}`, () => verify(lake, evaluation));
    }
  });
}

async function verify(lake: TestLake, evaluation: Evaluation): Promise<void> {
  const { start, end, step, expr } = evaluation;
  const run = () =>
    lake.guard.run('test', new AbortController().signal, async (ctx) =>
      execute(ctx, parse(expr), { start, end, step, lookback: 300_000 }),
    );
  if (evaluation.kind === 'eval_fail') {
    await assert.rejects(run(), { name: 'QueryError' });
    return;
  }
  const actual = rows(await run(), evaluation);
  const expected = evaluation.expected.map(({ labels, points }) => row(labels, points));
  if (evaluation.kind === 'eval') {
    actual.sort();
    expected.sort();
  }
  assert.deepEqual(actual, expected);
}

function rows(result: QueryResult, { start, end, step }: Evaluation): string[] {
  if (result.type === 'string') return [result.text];
  if (result.type === 'scalar') return [row({}, [result.value])];
  const steps = step === 0 ? 1 : Math.floor((end - start) / step) + 1;
  return result.series.map(({ labels, points: read }) => {
    const { times, values } = read();
    const record = Object.fromEntries(labels.entries());
    if (result.type === 'matrix' && step === 0) return row(record, Array.from(values));
    const points = new Array<Point>(steps).fill(null);
    Array.from(times).forEach(
      (time, i) => (points[step === 0 ? 0 : (time - start) / step] = values[i] ?? null),
    );
    return row(record, points);
  });
}

/** Values to 9 digits, so that the last bits of a sum do not count; trailing gaps do not either. */
function row(labels: Record<string, string>, points: readonly Point[]): string {
  const known = points.slice(0, points.findLastIndex((point) => point !== null) + 1);
  const values = known.map((point) => (typeof point === 'number' ? Number(point.toPrecision(9)) : '_'));
  return `${JSON.stringify(Object.entries(labels).sort())} ${values.join(' ')}`;
}
