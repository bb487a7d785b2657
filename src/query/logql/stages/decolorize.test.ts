import { describe } from 'node:test';
import { itGives } from './cases.test.support.js';

describe('LogQL decolorize', () => {
  itGives([
    ['| decolorize', '\u001b[31mabc\u001b[0m', { line: 'abc' }],
    ['| decolorize', '\u001b[1;31mabc\u001b[0m x', { line: 'abc x' }],
  ]);
});
