import { randomInt } from 'node:crypto';
import { options } from '../bench/options.js';
import { differential, languages } from '../test/reading/differential.js';

const args = options(
  'npm run drill:reading',
  `Asks one lake each question twice, of its rows as they are and with all that makes reading fast, while files are
written, compacted, deleted from and flushed. Ends with an error at the first answers that differ; its seed repeats it.`,
  {
    seed: { value: randomInt(2 ** 31), text: 'of the random numbers, drawn if not given' },
    questions: { value: 5000, text: 'questions' },
    hours: { value: 3, text: 'how long the history is' },
    only: { value: '', text: 'languages whose name has it' },
    rounds: { value: 1, text: 'rounds, each with a seed of its own' },
  },
);

let asked = 0;
for (let round = 0; round < args.rounds; round++) {
  const seed = args.seed + round;
  console.log(`--seed ${seed}`);
  const chosen = languages.filter(({ name }) => name.includes(args.only));
  const say = (line: string) => console.log(line);
  asked += await differential({
    seed,
    questions: Math.ceil(args.questions / chosen.length),
    hours: args.hours,
    languages: chosen,
    say,
  });
}
console.log(`${asked} questions, all answers the same`);
