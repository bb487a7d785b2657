import { describe } from 'node:test';
import { itGives, itRefuses } from './cases.test.support.js';

describe('LogQL regexp', () => {
  itGives([
    ['| regexp "(?P<m>\\\\w+) (?P<app>\\\\w+)"', 'foo bar', { labels: { app_extracted: 'bar', m: 'foo' } }],
    ['| regexp "(?P<m>\\\\w+) (?P<app>\\\\w+)"', 'foo', {}],
    ['| regexp "(?P<a>x)(?P<b>y)?"', 'x', { labels: { a: 'x', b: '' } }],
  ]);
  itRefuses([['| regexp "(\\\\w+)"', /invalid regexp parser: at least one named capture must be supplied/]]);
});
