import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { it } from 'node:test';
import { randomNumbers } from '../../../test/support/random.js';
import { compileRegex } from './re2.js';
import { requiredTexts } from './regex-literals.js';

it('finds the texts that a match must hold', () => {
  const cases: [pattern: string, texts: string[][]][] = [
    ['error', [['error']]],
    ['user=\\d+ done', [['user='], [' done']]],
    ['a|bcd|ef', [['a', 'bcd', 'ef']]],
    ['(?i)time ?out', [['time'], ['out']]],
    ['(foo|barr) baz', [['foo', 'barr'], [' baz']]],
    ['(foo)?bar+x', [['bar'], ['x']]],
    ['ab*c', [['a'], ['c']]],
    ['a{0,3}b{2}c{x}', [['b'], ['c{x}']]],
    ['\\bword\\b', [['word']]],
    ['[]a|]x|y', [['x', 'y']]],
    ['x.*|', []],
    ['a\\.b\\x41\\x{41}\\pN\\101z', [['a.b'], ['z']]],
    ['\\Qa.b\\E+c', [['a.'], ['c']]],
    ['(?i)é', []],
    ['é', [['é']]],
    ['(?P<n>ab)(?<m>cd)(?i:ef)', [['ab'], ['cd'], ['ef']]],
    ['(((', []],
  ];
  for (const [pattern, texts] of cases) assert.deepEqual(requiredTexts(pattern), texts, pattern);
});

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));

it(`never asks for what a match does not hold, TEST_SEED=${seed}`, () => {
  const random = randomNumbers(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const atom = (depth: number): string => {
    const kind = Math.floor(random() * (depth > 2 ? 4 : 6));
    if (kind < 3) return pick(['a', 'b', 'ab', 'é', '\\.', '\\Qab\\E', ' ']);
    if (kind === 3) return pick(['.', '[ab]', '[^]b]', '\\w', '\\b', '\\pL', '\\x61', '$', '[[:alpha:]]']);
    return `${pick(['(', '(?:', '(?P<x>', '(?i:'])}${alternatives(depth + 1)})`;
  };
  const sequence = (depth: number) =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
      return atom(depth) + pick(['', '', '', '*', '+', '?', '{2}', '{0,1}', '+?']);
    }).join('');
  const alternatives = (depth: number): string =>
    Array.from({ length: random() < 0.3 ? 2 : 1 }, () => sequence(depth)).join('|');
  for (let i = 0; i < 800; i++) {
    const pattern = alternatives(0).replace(/\(\?P<x>/g, '(');
    let regex;
    try {
      regex = compileRegex(pattern);
    } catch {
      continue;
    }
    const required = requiredTexts(pattern);
    for (let n = 0; n < 10; n++) {
      const text = Array.from({ length: Math.floor(random() * 8) }, () => pick([...'aabbAB .é'])).join('');
      if (!regex.test(text)) continue;
      const folded = text.toLowerCase();
      const held = required.every((any) => any.some((one) => folded.includes(one.toLowerCase())));
      assert.ok(held, `${pattern} on ${JSON.stringify(text)}: ${JSON.stringify(required)}`);
    }
  }
});
