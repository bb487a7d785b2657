import { it } from 'node:test';
import assert from 'node:assert/strict';
import { RowLabels } from '../model/labels.js';
import { parseLog } from '../syntax/parse.js';
import { compilePipeline } from './index.js';

/** What becomes of a row: its new line, and labels that are new or changed (null: gone). */
type Outcome =
  'dropped' | { readonly line?: string; readonly labels?: Readonly<Record<string, string | null>> };
type Case = readonly [
  stages: string,
  line: string,
  outcome: Outcome,
  metadata?: Readonly<Record<string, string>>,
];

/** Stream labels of every row. */
const stream = { app: 'a', env: 'prod' };

function run(stages: string, line: string, metadata: Readonly<Record<string, string>>): Outcome {
  const pipeline = compilePipeline(parseLog(`{app="a"} ${stages}`).stages);
  const labels = new RowLabels(new Map(Object.entries(stream)), new Map(Object.entries(metadata)));
  const row = { line, labels, timeNs: 1_700_000_000_123_456_789n };
  if (!pipeline(row)) return 'dropped';
  const before: Record<string, string> = { ...stream, ...metadata };
  const after = new Map([...labels.entries()].map(([name, value]) => [name, value]));
  after.delete('__error_details__');
  const changed: Record<string, string | null> = {};
  for (const [name, value] of after) if (before[name] !== value) changed[name] = value;
  for (const name of Object.keys(before)) if (!after.has(name)) changed[name] = null;
  return {
    ...(row.line !== line && { line: row.line }),
    ...(Object.keys(changed).length > 0 && { labels: changed }),
  };
}

/** Runs stages on a row of the stream `{app="a", env="prod"}`, with the metadata `trace_id="t1"` unless given. */
export function itGives(cases: readonly Case[]): void {
  for (const [stages, line, outcome, metadata = { trace_id: 't1' }] of cases) {
    it(`${stages} on ${JSON.stringify(line)}`, () => {
      assert.deepEqual(run(stages, line, metadata), outcome);
    });
  }
}

export function itRefuses(cases: readonly (readonly [stages: string, message: RegExp])[]): void {
  for (const [stages, message] of cases) {
    it(`refuses ${stages}`, () => assert.throws(() => run(stages, 'x', {}), message));
  }
}
