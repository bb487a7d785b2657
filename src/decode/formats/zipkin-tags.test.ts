import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readEvent } from './zipkin-tags.js';

it('leaves the text of an event whose attributes are nested too deep, or would become too much', () => {
  for (const value of [
    `["deep",${'['.repeat(20_000)}${']'.repeat(20_000)}]`,
    `[${'[],'.repeat(30_000)}[]]`,
  ]) {
    const event = `n|{"a":${value}}|0`;
    assert.deepEqual(readEvent(event), { name: event, attributes: {} });
  }
  assert.deepEqual(readEvent('n|{"a":[[1]]}|0'), { name: 'n', attributes: { a: [[1]] } });
});
