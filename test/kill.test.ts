import { rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { faultPoints } from '../src/faults/index.js';
import {
  canMount,
  clockJump,
  diskFull,
  flippedByte,
  readOnlyFolder,
  tornTail,
} from '../drill/kill/disasters.js';
import { runEpoch } from '../drill/kill/epoch.js';
import { paced } from '../drill/kill/workload.js';
import { temporaryFolder } from './support/server.js';

describe('exactly once through SIGKILL', () => {
  let dataDir: string;
  before(async () => {
    dataDir = await temporaryFolder();
  });
  after(() => rm(dataDir, { recursive: true, force: true }));

  for (const point of faultPoints) {
    it(`killed at ${point}`, async () => {
      await runEpoch(dataDir, `p-${point.replace('.', '-')}`, point, paced);
    });
  }
  for (let i = 1; i <= 3; i++) {
    it(`killed at a random moment, ${i} of 3`, async () => {
      await runEpoch(dataDir, `r${i}`, 'random', paced);
    });
  }
});

describe('faults of disk and clock', () => {
  const skip = canMount ? false : 'needs root on Linux to mount a tmpfs';
  it('cuts a torn tail and loses nothing acknowledged', async () => void (await tornTail()));
  it('sets a damaged record aside and keeps the others', async () => void (await flippedByte()));
  it('loses nothing when the clock jumps', async () => void (await clockJump()));
  it('refuses on a full disk and goes on when space returns', { skip }, async () => void (await diskFull()));
  it('does not start on a read-only folder', { skip }, async () => void (await readOnlyFolder()));
});
