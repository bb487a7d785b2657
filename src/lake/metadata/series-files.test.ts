import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seriesFiles } from './view.js';

const small = 1000;
const large = 1_000_000;

/** What is said of so many small files beside one large one, all of them kept. */
function ofSmall(count: number, samples: boolean) {
  const sizes = new Map([
    ['large', large],
    ...Array.from({ length: count }, (_, i) => [`small-${i}`, small] as const),
  ]);
  const kept = new Map([...sizes.keys()].map((path, file) => [path, { file, first: 0n, last: 9n }]));
  const live = {
    ...{
      sizes,
      rows: new Map<string, number>(),
      touched: new Set<string>(),
      inlined: 0,
      inlinedTables: [],
      inlinedSources: [],
    },
    ...{ told: new Map<string, never>(), validFrom: 0n },
  };
  return seriesFiles('metric_gauge', live, kept, { kinds: ['metric_gauge'], from: 0n, until: 10n, samples });
}

test('few small files are taken from memory like others', () => {
  const { files, rest } = ofSmall(16, true);
  assert.equal(files.length, 17);
  assert.equal(rest, null);
});

test('many small files are read for their samples in one statement', () => {
  const { files, rest } = ofSmall(17, true);
  assert.deepEqual(files, [0]);
  assert.equal(rest?.match(/small-/g)?.length, 17);
});

test('many small files are taken from memory where no samples are wanted', () => {
  const { files, rest } = ofSmall(100, false);
  assert.equal(files.length, 101);
  assert.equal(rest, null);
});
