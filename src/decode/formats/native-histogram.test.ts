import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, double, message, uint } from '../../../test/support/protobuf.js';
import { Source } from '../wire/source.js';
import { NativeHistogram } from './native-histogram.js';

/** Of BucketSpan and the counts of its buckets; sint32 as protobuf has it. */
function histogram(spans: readonly (readonly [offset: number, length: number])[], counts: readonly number[]) {
  const zigzag = (value: number) => (value < 0 ? -2 * value - 1 : 2 * value);
  const body = concat([
    ...spans.map(([offset, length]) => message(11, uint(1, zigzag(offset)), uint(2, length))),
    ...counts.map((count) => double(13, count)),
  ]);
  const source = new Source();
  source.load(body);
  return NativeHistogram.read(source, 0, body.length, 1000);
}

describe('the spans of a native histogram', () => {
  it('are all buckets from the first to the last', () => {
    const dense = histogram(
      [
        [2, 1],
        [3, 2],
      ],
      [1, 2, 0.5],
    ).dense(1000);
    assert.deepEqual(dense, {
      positiveOffset: 1,
      negativeOffset: -1,
      positive: [1, 0, 0, 0, 2, 0.5],
      negative: [],
    });
  });

  it('are refused when they overlap or are too many, whatever they add up to', () => {
    const overlap = histogram(
      [
        [0, 0],
        [2 ** 31 - 1, 0],
        [-(2 ** 31), 0],
      ],
      [],
    );
    assert.match(overlap.dense(1000) as string, /overlap/);
    assert.match(
      histogram(
        [
          [0, 1],
          [5000, 1],
        ],
        [1, 1],
      ).dense(1000) as string,
      /more than 1000 buckets/,
    );
  });
});
