import assert from 'node:assert/strict';
import { it } from 'node:test';
import { KeptByFile } from './kept-by-file.js';

const kept = (questions: number, weight: number) =>
  new KeptByFile<string>({ questions, weight }, ({ length }) => length);
const values = (...texts: string[]) => new Map(texts.map((text) => [`of ${text}`, text]));
const known = (all: KeptByFile<string>, question: string, ...texts: string[]) => [
  ...all.of(question, [...values(...texts).keys()]).values(),
];

it('keeps files that a narrower window leaves out', () => {
  const all = kept(2, 100);
  all.keep('q', values('a', 'b', 'c'));
  all.keep('q', values('c'));
  assert.deepEqual(known(all, 'q', 'a', 'b', 'c', 'd'), ['a', 'b', 'c']);
});

it('drops what was of use longest ago where it is too much', () => {
  const all = kept(2, 6);
  all.keep('p', values('aa', 'bb'));
  all.keep('q', values('cc'));
  all.keep('p', values('aa'));
  all.keep('p', values('dd'));
  // Of the question asked before, whatever it has.
  assert.deepEqual(known(all, 'q', 'cc'), []);
  assert.deepEqual(known(all, 'p', 'aa', 'bb', 'dd'), ['aa', 'bb', 'dd']);
  all.keep('p', values('ee'));
  assert.deepEqual(known(all, 'p', 'aa', 'bb', 'dd', 'ee'), ['aa', 'dd', 'ee']);
  all.keep('p', values('too long'));
  assert.deepEqual(known(all, 'p', 'aa', 'dd', 'ee', 'too long'), []);
  all.keep('p', values('aa'));
  assert.deepEqual(known(all, 'p', 'aa'), ['aa']);
});

it('weighs what takes the place of another once', () => {
  const all = kept(2, 4);
  for (let i = 0; i < 10; i++) all.keep('q', new Map([['file', `${i}`.repeat(2)]]));
  all.keep('q', values('aa'));
  assert.deepEqual([...all.of('q', ['file', 'of aa']).values()], ['99', 'aa']);
});

it('keeps no more questions than it should', () => {
  const all = kept(2, 100);
  for (const question of ['p', 'q', 'r']) all.keep(question, values('a'));
  assert.deepEqual(
    ['p', 'q', 'r'].map((question) => known(all, question, 'a').length),
    [0, 1, 1],
  );
  all.keep('none', new Map());
  all.keep('empty', new Map());
  assert.deepEqual(known(all, 'r', 'a'), []);
});
