import { describe } from 'node:test';
import { itGives } from './cases.test.support.js';

describe('LogQL logfmt', () => {
  itGives([
    ['| logfmt', 'a=1 a=2', { labels: { a: '1' } }],
    ['| logfmt | logfmt d="a"', 'a=1', { labels: { a: '1', d: '' } }],
    ['| logfmt trace_id', 'a=1', {}],
    ['| pattern "<a> <_>" | logfmt', 'a=1 b=2', { labels: { a: 'a=1', b: '2' } }],
    ['| logfmt --keep-empty', 'a=1 empty= flag', { labels: { a: '1', empty: '', flag: '' } }],
    ['| logfmt', 'a=1 b="x \\"y\\"" flag c= d="unterminated app=foo', { labels: { a: '1', b: 'x "y"' } }],
    [
      '| logfmt',
      'a=1 b="x \\"y\\"" flag c= app=foo trace_id=9 k.y=1 é=2',
      { labels: { _: '2', a: '1', app_extracted: 'foo', b: 'x "y"', k_y: '1', trace_id_extracted: '9' } },
    ],
    ['| logfmt --strict', 'a=1 flag b=2 =x', { labels: { __error__: 'LogfmtParserErr', a: '1', b: '2' } }],
    ['| logfmt x="a", b, q="nope"', 'a=1 flag b=3', { labels: { b: '3', q: '', x: '1' } }],
    ['| logfmt app, x="trace_id"', 'app=1 trace_id=3', { labels: { app_extracted: '1', x: '3' } }],
    ['| logfmt', 'a=1 flag b=2 =x c=3', { labels: { a: '1', b: '2', c: '3' } }],
    ['| logfmt', 'a=1 "b c"=2 c=3 d=e"f" g="h"i', { labels: { a: '1', c: '3', g: 'h' } }],
    ['| logfmt', 'a="\\u0041\n" b="\\x"', { labels: { a: 'A\n' } }],
    ['| logfmt --keep-empty', 'a=1 flag b=', { labels: { a: '1', b: '', flag: '' } }],
  ]);
});
