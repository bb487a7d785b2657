import { rm } from 'node:fs/promises';
import { options } from '../bench/options.js';
import { temporaryFolder } from '../test/support/server.js';
import { randomNumbers } from '../test/support/random.js';
import { crashLoop, type Way } from './crashloop/round.js';
import { memoryGroup } from './memory-group.js';

const args = options(
  'npm run drill:crashloop',
  `Spools in which several records end the process each time that they are decoded or committed: by SIGKILL, by filling the heap,
by the kernel's memory killer (where control groups can be made), and by a fatal error of the database; in every second round
starts are also killed at named points of a commit. After enough starts all good records are in the lake once and the
poisoned ones are set aside; with the poison gone those come back once. Prints its seed. Exit code 1 at a broken promise.`,
  {
    seed: { value: Math.floor(Math.random() * 2 ** 31), text: 'of the random numbers, drawn if not given' },
    rounds: { value: 4, text: 'rounds' },
    requests: { value: 60, text: 'good requests of a round' },
    poisoned: { value: 8, text: 'poisoned ones of a round' },
    keep: { flag: true, text: 'keep the data folders' },
  },
);
const groupBytes = 1024 ** 3;
const { seed } = args;
const group = memoryGroup(groupBytes);
const ways: Way[] = ['kill', 'fatal', 'heap', ...(group ? ['memory' as const] : [])];
console.log(`seed ${seed} (--seed ${seed} for the same again)`);
if (!group) console.log('no control group of memory can be made here: nothing dies by the memory killer');
let failed = false;
for (let round = 0; round < args.rounds && !failed; round++) {
  const dataDir = await temporaryFolder();
  const otherKills = round % 2 === 1 ? 0.4 : 0;
  const begun = performance.now();
  try {
    const result = await crashLoop({
      dataDir,
      prefix: `c${round}`,
      random: randomNumbers(seed + round),
      requests: args.requests,
      poisoned: args.poisoned,
      ways,
      otherKills,
      group: group ?? undefined,
    });
    const by = ways.map((way) => `${result.ways.filter((each) => each === way).length} ${way}`).join(', ');
    console.log(
      `round ${round + 1}: ${args.requests} requests, ${result.ways.length} poisoned (${by})` +
        `${otherKills > 0 ? ', and kills at other points' : ''}: ${result.deaths} deaths in ${result.starts} starts, ` +
        `${result.innocent} good ones set aside too; all there once (${Math.round((performance.now() - begun) / 1000)} s)`,
    );
  } catch (error) {
    failed = true;
    console.error(error instanceof Error ? error.message : error);
  }
  if (failed || args.keep) console.log(`data folder: ${dataDir}`);
  else await rm(dataDir, { recursive: true, force: true });
}
if (group) {
  console.log(`the kernel's memory killer ended ${group.killed} processes`);
  group.close();
}
process.exit(failed ? 1 : 0);
