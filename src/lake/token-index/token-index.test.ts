import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { it } from 'node:test';
import { randomNumbers } from '../../../test/support/random.js';
import { Frame } from '../files/frame.js';
import { bloomOf } from './bloom.js';
import { decodeIndex, encodeIndex, indexLength } from './file.js';
import { GranuleBuilder, type Granule } from './granule.js';
import { HashSet } from './hash-set.js';
import { mayHave, searchOf, type Needle } from './needle.js';
import { tokensOf } from './tokens.js';

function granule(...lines: string[]): Granule {
  const builder = new GranuleBuilder();
  for (const line of lines) builder.add(Buffer.from(`${line}\n`));
  return builder.finish();
}

function found(within: Granule, ...needles: (string | Needle)[]): boolean {
  const search = searchOf([needles.map((one) => (typeof one === 'string' ? { text: one } : one))]);
  return search === null || mayHave(within, search);
}

it('tells words that are not there, and parts of words that are', () => {
  const lines = granule(
    'Error: user=alice_7 timed out',
    'id=4bf92f3577b34da6 ok',
    'naïve ſtop 300\u212a Привет мир',
  );
  const there = [
    'error',
    'RROR: u',
    'user=alice_7 ',
    'lice',
    '4bf92f3577b34da6',
    'bf92f3577b',
    ' Привет ',
    'stop',
    '300k',
    'ï',
  ];
  for (const text of there) assert.ok(found(lines, text), text);
  for (const text of ['zzyzx', '=alice ', '4bf92f3577b34da7', ' bf92f ', ' Пока ', 'ved', 'timed_out'])
    assert.equal(found(lines, text), false, text);
  assert.ok(found(lines, 'nowhere', 'timed'), 'one of several');
  assert.equal(searchOf([[{ text: '=>' }], []]), null);
});

it('tells values of other columns', () => {
  const builder = new GranuleBuilder();
  builder.addValues('trace_id', Buffer.from('abc\n\nDEF\nx'));
  const values = builder.finish();
  const has = (text: string, column: string) => {
    const search = searchOf([[{ text, column }]]);
    return search === null || mayHave(values, search, ['trace_id', 'span_id']);
  };
  for (const text of ['abc', '', 'DEF', 'x', 'abc\n']) assert.ok(has(text, 'trace_id'), text);
  for (const text of ['ab', 'def', 'xx']) assert.equal(has(text, 'trace_id'), false, text);
  assert.equal(has('abc', 'span_id'), false);
  assert.ok(has('zz', 'other'), 'a column that it does not have');
});

it('tells values of attributes by tokens of their text', () => {
  const builder = new GranuleBuilder();
  builder.add(Buffer.from('id=0123456789abcdef\n'));
  builder.addTexts(Buffer.from('{"user.id":"Alice Smith","n":42,"x":1.5,"long":"0123456789abcdef01234567"}'));
  const texts = builder.finish();
  const has = (text: string, within = texts, columns = ['log_attributes']) => {
    const search = searchOf([[{ text, column: 'text:log_attributes:user.id' }]]);
    return search === null || mayHave(within, search, columns);
  };
  for (const text of ['Alice Smith', '42', '1.5', '--', '2.50', '1e5', 'é', 'a"b', 'a\\b'])
    assert.ok(has(text), text);
  for (const text of ['Alic', 'Bob', '43', 'Alice Jones']) assert.equal(has(text), false, text);
  assert.ok(has('Bob', texts, []), 'attributes are not indexed');
  assert.equal(found(texts, 'id=0123456789abcdee'), false, 'tokens of attributes are none of lines');
  builder.addTexts(Buffer.from('{"user.id":"\\u003cb"}'));
  assert.ok(has('<b', builder.finish()), 'an escape joins what follows it');
});

it('reads an index of an earlier release', () => {
  const hashes = new HashSet();
  const { tokens } = tokensOf(' needle ');
  for (const { hash } of tokens) hashes.add(hash);
  const { grams, filter, ...facts } = granule('a needle');
  const bloom = bloomOf(hashes);
  assert.ok(filter.fuse);
  const directory = { columns: ['c'], granules: [{ rows: 1, bloom: bloom.length, ...facts }] };
  const index = new Frame<typeof directory>('CSTKIDX1', 1_000_000).encode([grams, bloom], directory);
  assert.equal(indexLength(index), index.length);
  const decoded = decodeIndex(index)?.granules[0];
  assert.ok(decoded);
  assert.ok(found(decoded, ' needle '));
  assert.equal(found(decoded, ' nee '), false);
  index[0]! ^= 1;
  assert.equal(decodeIndex(index), null);
});

it('does not trust ids where a longer token may hold them, nor JSON with escaped letters', () => {
  const id = '4bf92f3577b34da6';
  const plain = granule(`{"id":"${id}"}`, `x${'0123456789abcdef'.repeat(3)}`);
  assert.ok(found(plain, id));
  const escaped = granule('{"user":"\\u0061lice","text":"a\\nbob said"}');
  assert.ok(found(escaped, { text: 'alice', escaped: true }));
  assert.equal(found(escaped, 'alice'), false);
  const broken = granule('{"text":"a\\nbob said\\u001b"}');
  assert.ok(found(broken, { text: 'a\nbob said', escaped: true }));
  assert.equal(found(broken, { text: 'a\ntom said', escaped: true }), false);
  assert.ok(found(broken, { text: 'é', escaped: true }));
});

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));

it(`finds every part of every line, whatever its case, TEST_SEED=${seed}`, () => {
  const random = randomNumbers(seed);
  const below = (n: number) => Math.floor(random() * n);
  const alphabet = [...'abcXYZ019_ .-="é漢\u212aſ\n\\'];
  const line = () => Array.from({ length: below(40) }, () => alphabet[below(alphabet.length)]).join('');
  for (let round = 0; round < 60; round++) {
    const lines = Array.from({ length: 1 + below(4) }, line);
    const index = encodeIndex({
      columns: ['c'],
      granules: [{ rows: lines.length, ...granule(...lines) }],
    });
    assert.equal(indexLength(index), index.length);
    const decoded = decodeIndex(index)?.granules[0];
    assert.ok(decoded);
    for (const text of lines) {
      const start = below(text.length + 1);
      const part = text.slice(start, start + 1 + below(12));
      for (const cased of [part, part.toLowerCase(), part.replace(/[a-z]+/g, (word) => word.toUpperCase())]) {
        // Characters whose small form is another letter are found by patterns alone.
        if (/[\u212aſ]/.test(part) && cased !== part) continue;
        assert.ok(found(decoded, cased), `${JSON.stringify(cased)} in ${JSON.stringify(lines)}`);
      }
    }
    const at = below(index.length - 12);
    for (const damaged of [at, index.length - 20, index.length - 19]) {
      index[damaged]! ^= 1;
      assert.equal(decodeIndex(index), null);
      index[damaged]! ^= 1;
    }
  }
});
