import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { RowLabels } from '../model/labels.js';
import { parse } from '../syntax/parse.js';
import { compileUnwrap, formatUnwrap, unwrapNames, type Unwrap } from './unwrap.js';

function unwrapOf(text: string): Unwrap {
  const expr = parse(`sum_over_time({app="a"} ${text} [1m])`);
  assert.ok(expr.kind === 'range' && expr.unwrap);
  return expr.unwrap;
}

/** The sample of a record with these labels, and its error. */
function sampleOf(text: string, metadata: Readonly<Record<string, string>>): [unknown, unknown] {
  const labels = new RowLabels(new Map([['app', 'a']]), new Map(Object.entries(metadata)));
  return [compileUnwrap(unwrapOf(text))({ line: '', labels, timeNs: 0n }), labels.error];
}

describe('LogQL unwrap', () => {
  it('reads numbers, durations as seconds, and sizes', () => {
    assert.deepEqual(sampleOf('| unwrap x', { x: '1e3' }), [1000, undefined]);
    assert.deepEqual(sampleOf('| unwrap duration(x)', { x: '1m30s' }), [90, undefined]);
    assert.deepEqual(sampleOf('| unwrap bytes(x)', { x: '2KiB' }), [2048, undefined]);
  });

  it('has no sample without the label, and an error where it does not convert', () => {
    assert.deepEqual(sampleOf('| unwrap x', {}), [undefined, undefined]);
    assert.deepEqual(sampleOf('| unwrap x', { x: '' }), [undefined, undefined]);
    assert.deepEqual(sampleOf('| unwrap x', { x: '5ms' }), [0, 'SampleExtractionErr']);
    assert.deepEqual(sampleOf('| unwrap x | __error__=""', { x: '5ms' }), [undefined, 'SampleExtractionErr']);
  });

  it('applies the filters behind it', () => {
    const text = '| unwrap x | y="1" | x>5';
    assert.deepEqual(sampleOf(text, { x: '6', y: '1' }), [6, undefined]);
    assert.deepEqual(sampleOf(text, { x: '6', y: '2' }), [undefined, undefined]);
    assert.deepEqual(unwrapNames(unwrapOf(text)), ['x', 'y', 'x']);
    assert.equal(formatUnwrap(unwrapOf(text)), text);
  });
});
