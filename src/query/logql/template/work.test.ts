import { describe, it, mock } from 'node:test';
import assert from 'node:assert/strict';
import { RowLabels } from '../model/labels.js';
import { compileTemplate, TemplateText } from './index.js';
import { sprintf } from './sprintf.js';
import { isZone } from './zones.js';

const tooMuchWork = /takes too many steps$/;

/** What a template makes of a label `v`, or the words of its error. */
function execute(template: string, v = ''): string {
  const labels = new RowLabels(new Map(), new Map([['v', v]]));
  try {
    const made = compileTemplate(new TemplateText(template), 'line template', 'line');
    return made({ line: '', timeNs: 0n, labels });
  } catch (error) {
    return (error as Error).message;
  }
}

const none = () => undefined;

describe('numbers of templates', () => {
  it('are read from texts of up to 10,000 characters', () => {
    assert.equal(execute('{{ float64 .v }}', `1.${'0'.repeat(9_998)}`), '1');
    assert.equal(execute('{{ float64 .v }}', `1.${'0'.repeat(9_999)}`), '0');
    assert.equal(execute('{{ float64 .v }}', `0x${'a'.repeat(100_000)}`), '0');
  });

  it('have exponents of two', () => {
    const read = ['0x1p4', '0x1.8p1', '-0x_1.p-1', '0x.8P1', '0xp1', '0x1..p1', '0x1.8'];
    const made = read.map((v) => execute('{{ float64 .v }}', v));
    assert.deepEqual(made, ['16', '3', '-0.5', '1', '0', '0', '0']);
  });

  it('are divided as often as the work allows', () => {
    assert.match(execute(`{{ divf 1 ${'1e-300 '.repeat(1000)}}}`), tooMuchWork);
    assert.equal(execute(`{{ divf 1 ${'0.5 '.repeat(100)}}}`), '1.2676506002282294e+30');
  });
});

describe('printf', () => {
  it('rounds exact halves to even', () => {
    const formats = ['%.0f 2.5', '%.0f 0.5', '%.1f 0.25', '%.2f 0.125', '%.0e 2.5', '%.1g 2.5', '%.0f 3.5'];
    const made = formats.map((format) => execute(`{{ printf ${format.replace(/(\S+)/, '"$1"')} }}`));
    assert.deepEqual(made, ['2', '0', '0.2', '0.12', '2e+00', '2', '4']);
  });

  it('cuts characters and bytes', () => {
    assert.equal(sprintf('%.2s|%.1s|%.3q', ['a😀b', '😀😀', '😀é😀x'], none), 'a😀|😀|"😀é😀"');
    assert.equal(sprintf('%.2x|%.5x|%.1x', ['a😀', '😀😀', 'é'], none), '61f0|f09f9880f0|c3');
    assert.equal(sprintf('%.1v', [['😀😀', 'ab']], none), '[😀 a]');
  });

  it('does not read whole texts for what a precision leaves', () => {
    const from = mock.method(Array, 'from');
    const bytes = mock.method(Buffer, 'from');
    sprintf('%.1s %.1x', ['a'.repeat(1000), 'b'.repeat(1000)], none);
    const given = [...from.mock.calls, ...bytes.mock.calls].map(({ arguments: [text] }) => text as unknown);
    mock.restoreAll();
    assert.deepEqual(given, ['aa', 'bb']);
  });

  it('counts its verbs, and the values of lists for each of them', () => {
    const verbs = '{{ printf .v }}';
    assert.match(execute(verbs, '%'.repeat(400_000)), tooMuchWork);
    const list = JSON.stringify(Array(1000).fill('a'));
    assert.match(execute(`{{ printf "${'%.0[1]s'.repeat(1000)}" (fromJson .v) }}`, list), tooMuchWork);
    assert.equal(execute('{{ printf "%.0v" (fromJson .v) }}', '["a","b"]'), '[ ]');
  });

  it('looks once for the end of an index that has none', () => {
    const looks = mock.method(String.prototype, 'indexOf');
    const made = sprintf('%[d %[d %[', [1n], none);
    const closing = looks.mock.calls.filter(({ arguments: [text] }) => text === ']').length;
    mock.restoreAll();
    assert.equal(closing, 1);
    assert.equal(made, '%!d(BADINDEX) %!d(BADINDEX) %!(NOVERB)');
  });
});

describe('patterns of templates', () => {
  it('count what they look through behind their matches', () => {
    assert.match(execute('{{ count "b(.*z)?" .v }}', 'b'.repeat(6_000)), tooMuchWork);
    assert.equal(execute('{{ count "b(.*z)?" .v }}', 'b'.repeat(1000)), '1000');
    assert.equal(execute('{{ count "[^,]+" .v }}', 'b,'.repeat(20_000)), '20000');
  });
});

describe('zones', () => {
  it('are counted when they are looked for first', () => {
    let steps = 0;
    const work = (more: number) => void (steps += more);
    const known = ['Europe/Vienna', 'Europe/Vienna', 'Nowhere/Land', 'Nowhere/Land', '+01:00'];
    assert.deepEqual(
      known.map((zone) => isZone(zone, work)),
      [true, true, false, false, false],
    );
    assert.equal(steps, 100);
  });
});
