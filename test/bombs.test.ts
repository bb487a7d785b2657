import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { bombs } from '../drill/bombs/bombs.js';
import { explode, serverSettings, SteadyLoad } from '../drill/bombs/range.js';
import { eventually, longestWaitMs, startServer, type TestServer } from './support/server.js';

/** Those that once ended the server, held it up, or were answered with an error of its own. */
const worst = [
  'sql edit distance',
  'sql with that doubles',
  'sql with chain',
  'sql sort of a cross join',
  'sql huge list',
  'sql recursion that grows',
  'sql like that tries all',
  'promql parentheses',
  'promql plus',
  'promql up + up',
  'promql range all rates',
  'logql brackets',
  'logql json',
  'logql line_format that grows',
  'logql template loop',
  'traceql brackets in braces',
  'traceql every span a series',
];

describe('queries that want too much', () => {
  let server: TestServer;
  let load: SteadyLoad;
  const taken = (requests: number) =>
    eventually(() => Promise.resolve(load.latencies.length > requests ? true : undefined));
  before(async () => {
    server = await startServer({ env: serverSettings });
    load = new SteadyLoad(server);
    await taken(20);
  });
  after(async () => {
    await load.stop();
    await server.stop();
    await rm(server.dataDir, { recursive: true, force: true });
  });

  for (const name of worst) {
    it(`are ended and answered with words: ${name}`, async () => {
      const bomb = bombs.find((each) => each.name === name);
      assert.ok(bomb, `there is no ${name}`);
      const blast = await explode(server, bomb, longestWaitMs);
      assert.equal(blast.wrong, undefined, JSON.stringify(blast));
    });
  }

  it('leave the server alive, taking and acknowledging', async () => {
    await taken(load.latencies.length + 10);
    assert.ok((await fetch(`${server.url}/readyz`)).ok);
  });
});
