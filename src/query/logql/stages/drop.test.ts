import { describe } from 'node:test';
import { itGives } from './cases.test.support.js';

describe('LogQL drop', () => {
  itGives([
    [
      '| drop trace_id, app | json',
      '{"trace_id":"j","app":"z"}',
      { labels: { app: null, app_extracted: 'z', trace_id: 'j' } },
    ],
    ['| drop app, trace_id', 'x', { labels: { app: null, trace_id: null } }],
    ['| drop app | json', '{"app":"1"}', { labels: { app_extracted: '1', app: null } }],
    ['| drop app="x", env=~"p.*"', 'x', { labels: { env: null } }],
    ['| json | drop a', '{"a":1,"b":2}', { labels: { b: '2' } }],
    ['| json | drop __error__', 'x', {}],
  ]);
});
