import { describe } from 'node:test';
import { itGives } from './cases.test.support.js';

describe('LogQL keep', () => {
  itGives([
    ['| keep app', 'x', { labels: { env: null, trace_id: null } }],
    ['| keep app, trace_id="t1", env="x"', 'x', { labels: { env: null } }],
    ['| json | keep a', '{"a":1,"b":2}', { labels: { a: '1', app: null, env: null, trace_id: null } }],
  ]);
});
