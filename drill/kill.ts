import { rm } from 'node:fs/promises';
import { options } from '../bench/options.js';
import { faultPoints } from '../src/faults/index.js';
import { temporaryFolder } from '../test/support/server.js';
import { canMount, clockJump, diskFull, flippedByte, readOnlyFolder, tornTail } from './kill/disasters.js';
import { runEpoch, type Cause } from './kill/epoch.js';

const args = options(
  'npm run drill:kill',
  `SIGKILL under load at random moments and at each named point, then the disk and clock faults; after each
restart every acknowledged record must be there exactly once. Exit code 1 at the first broken promise.`,
  { kills: { value: 50, text: 'kills' }, keep: { flag: true, text: 'keep the data folder' } },
);
const { kills } = args;
// Every second kill is at a named point, in turn.
const causes = Array.from({ length: kills }, (_, i): Cause => {
  const point = faultPoints[Math.floor(i / 2) % faultPoints.length];
  return i % 2 === 0 && point ? point : 'random';
});

const dataDir = await temporaryFolder();
let acknowledged = 0;
let lostAnswers = 0;
let failed = 0;
for (const [i, cause] of causes.entries()) {
  try {
    const { verdict } = await runEpoch(dataDir, `k${i}`, cause);
    acknowledged += verdict.acknowledged;
    lostAnswers += verdict.unacknowledgedPresent;
    console.log(
      `kill ${i + 1}/${kills} ${cause}: ${verdict.acknowledged} acknowledged requests, all there once` +
        (verdict.unacknowledgedPresent > 0
          ? ` (${verdict.unacknowledgedPresent} more whose answer was lost)`
          : ''),
    );
  } catch (error) {
    failed++;
    console.error(error instanceof Error ? error.message : error);
    break;
  }
}
const disasters = [tornTail, flippedByte, clockJump, ...(canMount ? [diskFull, readOnlyFolder] : [])];
if (!canMount) console.log('disk full and read-only folder need root on Linux: skipped');
for (const disaster of disasters) {
  try {
    console.log(await disaster());
  } catch (error) {
    failed++;
    console.error(error instanceof Error ? error.message : error);
  }
}
console.log(
  `${kills} kills, ${acknowledged} acknowledged requests, ${lostAnswers} present without an answer, ` +
    `${disasters.length} other faults: ${failed === 0 ? 'nothing missing, nothing twice' : `${failed} FAILED`}`,
);
if (args.keep || failed > 0) console.log(`data folder: ${dataDir}`);
else await rm(dataDir, { recursive: true, force: true });
process.exit(failed === 0 ? 0 : 1);
