import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { options } from '../bench/options.js';
import { startServer } from '../test/support/server.js';
import { bombs } from './bombs/bombs.js';
import { explode, percentile, serverSettings, SteadyLoad } from './bombs/range.js';

const args = options(
  'npm run drill:bombs',
  `Queries that want too much, one after another on one server beside a steady load. Each must be answered within its
time limit and two seconds, with words; the server must stay alive under 4 GiB and go on acknowledging.`,
  { only: { value: '', text: 'queries whose name has it' } },
);
const server = await startServer({ env: serverSettings });
let failed = 0;
try {
  // Something for them to read.
  const filling = [1, 2, 3].map(() => new SteadyLoad(server, 0));
  await sleep(20_000);
  await Promise.all(filling.map((each) => each.stop()));
  const quiet = new SteadyLoad(server);
  await sleep(20_000);
  await quiet.stop();
  const beside = new SteadyLoad(server);
  for (const bomb of bombs.filter(({ name }) => name.includes(args.only))) {
    const blast = await explode(server, bomb);
    if (blast.wrong) failed++;
    const { name, status, seconds, residentBytes, words, wrong = 'ok' } = blast;
    const memory = `${Math.round(residentBytes / 1024 ** 2)} MiB`;
    console.log(
      `${wrong.padEnd(14)} ${status} ${seconds.toFixed(1).padStart(5)} s ${memory.padStart(9)}  ${name}: ${words.replaceAll('\n', ' ')}`,
    );
    if (status === 0 && (await Promise.race([server.exited, sleep(500, null)])) !== null)
      throw new Error('the server is dead');
  }
  await beside.stop();
  const alive = (await fetch(`${server.url}/readyz`)).ok;
  const p99 = (load: SteadyLoad) => percentile(load.latencies, 0.99).toFixed(0);
  console.log(
    `acknowledged beside the bombs: ${beside.latencies.length}, p99 ${p99(beside)} ms (alone ${p99(quiet)} ms), ` +
      `refused ${beside.refused}; ${alive ? 'alive' : 'NOT READY'}; ${failed === 0 ? 'every bomb answered' : `${failed} FAILED`}`,
  );
  if (!alive) failed++;
} finally {
  await server.stop();
  await rm(server.dataDir, { recursive: true, force: true });
}
process.exit(failed === 0 ? 0 : 1);
