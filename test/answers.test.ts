import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { it } from 'node:test';
import { ask, filledServer, type Answer } from './answers/ask.js';
import { accepted, differences, recorded } from './answers/book.js';
import { queries } from './answers/queries.js';

it('answers the recorded questions of all three languages as before', { timeout: 240_000 }, async () => {
  const server = await filledServer();
  try {
    const answers = new Map<string, Answer>();
    for (const query of queries) answers.set(query.id, await ask(server, query));
    const found = differences(answers, recorded(), accepted());
    const shown = found.slice(0, 5).map(({ id, expected, got }) => `${id}\n was ${expected}\n is  ${got}`);
    assert.equal(found.length, 0, `${found.length} of ${answers.size} differ:\n${shown.join('\n')}`);
  } finally {
    await server.stop();
    await rm(server.dataDir, { recursive: true, force: true });
  }
});
