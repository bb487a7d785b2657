import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { differential, languages } from './reading/differential.js';

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));

describe(`reading fast gives what plain reading gives, TEST_SEED=${seed}`, () => {
  for (const language of languages) {
    it(language.name, async () => {
      await differential({ seed, questions: 100, hours: 0.4, languages: [language] });
    });
  }
});
