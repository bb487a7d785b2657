import { describe } from 'node:test';
import { itGives } from './cases.test.support.js';

describe('LogQL json', () => {
  itGives([
    [
      '| json',
      '{"a":1.50,"b":{"c":"x","d":[1,2]},"app":"z","trace_id":"j","n":null,"t":true,"e":"","a b":"s","1x":"d","big":12345678901234567890,"a":"dup"}',
      {
        labels: {
          _1x: 'd',
          a: '1.50',
          a_b: 's',
          app_extracted: 'z',
          b_c: 'x',
          big: '12345678901234567890',
          e: '',
          t: 'true',
          trace_id_extracted: 'j',
        },
      },
    ],
    // What is found first stays.
    ['| logfmt | json', '{"a":1} b=2 a=3', { labels: { a: '3', b: '2' } }],
    ['| label_format n="set" | json', '{"n":1,"m":2}', { labels: { n: 'set', m: '2' } }],
    ['| json | drop n | json', '{"n":1}', {}],
    ['| json | json n="n"', '{"n":1}', { labels: { n: '1' } }],
    ['| json n="n" | json', 'nope', { labels: { __error__: 'JSONParserErr' } }],
    ['| json', 'nope', { labels: { __error__: 'JSONParserErr' } }],
    ['| json', '{"a":"x","b":', { labels: { __error__: 'JSONParserErr', a: 'x' } }],
    ['| json', '[1,2]', { labels: { __error__: 'JSONParserErr' } }],
    [
      '| json x="a.b[0]", y="c", app="a", z="nope", o="a"',
      '{"a":{"b":["q\\u0041"]},"c":1.50}',
      { labels: { app_extracted: '{"b":["q\\u0041"]}', o: '{"b":["q\\u0041"]}', x: 'qA', y: '1.50', z: '' } },
    ],
    [
      '| json x="[\\"a\\"].b[0]", y="[\\"c d\\"]"',
      '{"a":{"b":["q\\u0041"]},"c d":null}',
      { labels: { x: 'qA', y: '' } },
    ],
    ['| json x="[0].b"', '[{"b":1}]', { labels: { x: '1' } }],
    [
      '| json m="m", t="t", n="n"',
      '{"m":"x","t":"cut off',
      { labels: { __error__: 'JSONParserErr', m: 'x', n: '', t: '' } },
    ],
    ['| json m="m", n="n"', '{"m":"x","t":"cut off', { labels: { m: 'x', n: '' } }],
    ['| json x="a"', 'nope', { labels: { __error__: 'JSONParserErr' } }],
    ['| json | __error__!=""', 'x', { labels: { __error__: 'JSONParserErr' } }],
    ['| json | __error__=""', 'x', 'dropped'],
    ['| json | __error__="JSONParserErr"', 'x', { labels: { __error__: 'JSONParserErr' } }],
    [
      '| json | a>5 | __error__="LabelFilterErr"',
      '{"a":"x"}',
      { labels: { __error__: 'LabelFilterErr', a: 'x' } },
    ],
    ['| json | trace_id="j"', '{"trace_id":"j"}', 'dropped'],
    ['| json | logfmt', '{"a":1} b=2', { labels: { a: '1', b: '2' } }],
  ]);
});
