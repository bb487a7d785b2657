import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Params } from './params.js';

describe('Params', () => {
  it('takes what a form says before what the URL says', () => {
    const params = new Params(
      { url: '/api/v1/query?query=1&time=5&match[]=a', body: 'query=2&match[]=b&limit=' },
      'seconds',
    );
    assert.equal(params.text('query'), '2');
    assert.equal(params.time('time'), 5_000_000_000n);
    assert.deepEqual(params.all('match[]'), ['b', 'a']);
    assert.equal(params.text('limit'), undefined);
    assert.deepEqual(params.names, ['query', 'match[]', 'limit', 'time']);
  });
});
