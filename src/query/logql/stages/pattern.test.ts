import { describe } from 'node:test';
import { itGives, itRefuses } from './cases.test.support.js';

describe('LogQL pattern', () => {
  itGives([
    [
      '| pattern "<ip> - <_> \\"<m> <p>\\""',
      '1.2.3.4 - x "GET /a"',
      { labels: { ip: '1.2.3.4', m: 'GET', p: '/a' } },
    ],
    ['| pattern "<ip> - <_> \\"<m> <p>\\""', '1.2.3.4 - ', { labels: { ip: '1.2.3.4' } }],
    ['| pattern "<a> z"', 'x y 1 z b z c', { labels: { a: 'x y 1' } }],
    ['| pattern "<_> y <b> z <c>"', 'x y 1 z ', { labels: { b: '1', c: '' } }],
    ['| pattern "<a> y <b> z"', 'x y 1 k ', { labels: { a: 'x', b: '1 k ' } }],
    ['| pattern "y <a> z"', 'x y 1 z b', {}],
    ['| pattern "<app> b"', 'c b', { labels: { app_extracted: 'c' } }],
  ]);
  itRefuses([
    ['| pattern "<a><b>"', /invalid pattern parser: found consecutive capture '<a><b>': invalid expression/],
    ['| pattern "abc"', /invalid pattern parser: at least one capture is required/],
    ['| pattern "<_> a"', /invalid pattern parser: at least one capture is required/],
    ['| pattern "<a> x <a>"', /duplicate capture name \(a\)/],
  ]);
});
