import { describe } from 'node:test';
import { itGives } from './cases.test.support.js';

describe('LogQL unpack', () => {
  itGives([
    [
      '| unpack',
      '{"a":"1","b":2,"_entry":"the line","app":"p"}',
      { line: 'the line', labels: { a: '1', app_extracted: 'p' } },
    ],
    ['| unpack', 'nope', { labels: { __error__: 'JSONParserErr' } }],
    [
      '| unpack | label_format d=`{{.__error_details__}}`',
      ' {"a":"1"}',
      { labels: { __error__: 'JSONParserErr', d: 'expecting json object(6), but it is not' } },
    ],
    ['| unpack', '', {}],
    ['| unpack', '{"a":"1"}', {}],
    [
      '| unpack',
      '{"a":"1","b":{"c":1},"_entry":"l","trace_id":"p"}',
      { line: 'l', labels: { a: '1', trace_id_extracted: 'p' } },
    ],
  ]);
});
