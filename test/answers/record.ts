/**
 * Asks the recorded questions: `record` keeps the answers of this build as they are, `compare` (the default) prints
 * what differs and fails, `accept REASON ID...` takes the new answers to questions whose id contains ID, and why.
 */
import { rm } from 'node:fs/promises';
import { ask, filledServer, type Answer } from './ask.js';
import { accepted, differences, recorded, writeAccepted, writeRecorded } from './book.js';
import { queries } from './queries.js';

const [command = 'compare', reason = '', ...ids] = process.argv.slice(2);
const server = await filledServer();
try {
  const answers = new Map<string, Answer>();
  for (const query of queries) answers.set(query.id, await ask(server, query));
  if (command === 'record') {
    writeRecorded(answers);
    console.log(`${answers.size} answers recorded`);
  } else {
    const found = differences(answers, recorded(), accepted());
    if (command === 'accept') {
      const taken = found.filter(({ id }) => ids.some((part) => id.includes(part)));
      writeAccepted(taken, reason);
      for (const { id } of taken) console.log(`accepted: ${id}`);
    } else {
      for (const { id, expected, got } of found) console.log(`${id}\n  was ${expected}\n  is  ${got}\n`);
      console.log(`${answers.size} answers, ${accepted().size} changed on purpose, ${found.length} differ`);
      process.exitCode = found.length === 0 ? 0 : 1;
    }
  }
} finally {
  await server.stop();
  await rm(server.dataDir, { recursive: true, force: true });
}
