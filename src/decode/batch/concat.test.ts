import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkBatch, rowsOf } from '../../../test/support/batch-reader.js';
import { jsonPayload, now } from '../../../test/support/payload.js';
import { BatchDecoder } from './decoder.js';
import { concatBatches } from './concat.js';

const point = (value: object, name: string) => ({
  timeUnixNano: String(now),
  attributes: [{ key: name, value: { stringValue: `a value of ${name}` } }],
  ...value,
});
const metrics = (...list: object[]) =>
  jsonPayload({ resourceMetrics: [{ scopeMetrics: [{ metrics: list }] }] });
const gauge = (name: string, ...values: object[]) => ({
  name,
  gauge: { dataPoints: values.map((value) => point(value, name)) },
});
const histogram = (name: string, count: number, more: object) => ({
  name,
  histogram: {
    dataPoints: Array.from({ length: count }, (_, i) => point({ bucketCounts: [i, count], ...more }, name)),
  },
});

describe('concatBatches', () => {
  it('gives the same rows as decoding everything together', () => {
    const payloads = [
      metrics(
        gauge('a name that is long', { asInt: 1 }, { asDouble: 2 }, { flags: 1 }),
        histogram('h', 40, { sum: 1 }),
      ),
      metrics(gauge('short', { asDouble: 3 })),
      metrics(histogram('another histogram', 3, { startTimeUnixNano: '5' }), gauge('b', { asInt: 4 })),
      metrics(),
    ];
    const decoder = new BatchDecoder('metrics', { maxDecodedBodyBytes: 1024 * 1024 });
    const together = decoder.decode(payloads, Infinity).batch;
    const joined = concatBatches(payloads.map((payload) => decoder.decode([payload], Infinity).batch));
    checkBatch(joined, 48);
    for (const table of ['metric_gauge', 'metric_histogram'] as const) {
      assert.deepEqual(rowsOf(joined, table), rowsOf(together, table));
    }
    assert.deepEqual(concatBatches([]), { heap: new Uint8Array(0), tables: [] });
  });
});
