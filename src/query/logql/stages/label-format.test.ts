import { describe } from 'node:test';
import { itGives, itRefuses } from './cases.test.support.js';

describe('LogQL label_format', () => {
  itGives([
    ['| label_format x=app, y="{{.env}}-{{.app}}"', 'x', { labels: { x: 'a', y: 'prod-', app: null } }],
    ['| label_format app=""', 'x', { labels: { app: '' } }],
    ['| label_format new=nope', 'x', {}],
    ['| label_format new=`{{.nope}}`', 'x', { labels: { new: '' } }],
    ['| label_format trace_id="x" | trace_id="x"', 'x', { labels: { trace_id: 'x' } }],
  ]);
  itRefuses([
    [
      '| label_format a="{{.x"',
      /parse error : stage '.*' : invalid template for label 'a': template: label:1: unclosed action$/,
    ],
    [
      '| label_format app=env, app=trace_id',
      /: multiple label name 'app' not allowed in a single format operation$/,
    ],
    ['| label_format __error__="x"', /: __error__ cannot be formatted$/],
  ]);
});
