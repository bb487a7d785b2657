/**
 * npm run drill:reading [-- --seed N --questions 5000 --hours 3 --only promql --rounds 1]
 * Asks one lake each question twice, of its rows as they are and with all that makes reading fast, while files are
 * written, compacted, deleted from and flushed. Ends with an error at the first answers that differ; its seed repeats it.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { differential, languages } from '../test/reading/differential.js';

const { values: args } = parseArgs({
  options: {
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    questions: { type: 'string', default: '5000' },
    hours: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '1' },
  },
});

let asked = 0;
for (let round = 0; round < Number(args.rounds); round++) {
  const seed = Number(args.seed) + round;
  console.log(`--seed ${seed}`);
  const chosen = languages.filter(({ name }) => name.includes(args.only));
  const say = (line: string) => console.log(line);
  asked += await differential({
    seed,
    questions: Math.ceil(Number(args.questions) / chosen.length),
    hours: Number(args.hours),
    languages: chosen,
    say,
  });
}
console.log(`${asked} questions, all answers the same`);
