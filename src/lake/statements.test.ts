import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { DuckDBConnection } from '@duckdb/node-api';
import { Statements } from './statements.js';

// DuckDB loses an interrupt only while a statement waits for a thread, which no test can have at will.
it('interrupts a statement again that did not notice the first time, until it ends', async () => {
  let interrupts = 0;
  let end = (): void => undefined;
  const ended = new Promise<void>((_, reject) => (end = () => reject(new Error('interrupted'))));
  const stub = {
    runAndReadAll: () => ended,
    interrupt: () => {
      if (++interrupts === 2) end();
    },
  };
  const statements = new Statements({
    connection: stub as unknown as DuckDBConnection,
    signal: new AbortController().signal,
    footers: null,
    source: { connect: () => Promise.reject(new Error('nothing is read elsewhere')) },
  });
  // Nothing else keeps this process alive.
  const alive = setInterval(() => undefined, 60_000);
  const running = statements.values('SELECT 1');
  statements.interrupt();
  assert.equal(interrupts, 1);
  await assert.rejects(running, /interrupted/);
  await statements.idle();
  clearInterval(alive);
  assert.equal(interrupts, 2);
});
