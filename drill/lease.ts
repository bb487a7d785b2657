/**
 * npm run drill:lease [-- --rounds 10 --lease 5]
 * A server is paused past its catalog lease, under load and during CHECKPOINT, and another takes the catalog over.
 * Exit code 1 when the first one changes anything, does not end by itself, or a record is missing or there twice.
 */
import { parseArgs } from 'node:util';
import { pausedPastTheLease, SharedCatalog } from './lease/paused.js';

const { values: args } = parseArgs({
  options: { rounds: { type: 'string', default: '10' }, lease: { type: 'string', default: '5' } },
});
// One catalog for all rounds: each starts on the file that the takeover before it made.
const shared = await SharedCatalog.make(Number(args.lease));
let failed = false;
for (let round = 1; round <= Number(args.rounds) && !failed; round++) {
  try {
    const maintenance = round % 2 === 0;
    const pauseAfterMs = 1000 + Math.random() * 3000;
    console.log(await pausedPastTheLease(shared, `l${round}`, { maintenance, pauseAfterMs }));
  } catch (error) {
    failed = true;
    console.error(error instanceof Error ? error.message : error);
  }
}
if (failed) console.log(`folder: ${shared.folder}`);
else await shared.remove();
process.exit(failed ? 1 : 0);
