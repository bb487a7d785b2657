import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify from 'fastify';
import { testLake } from '../../../test/support/lake.js';
import { eventually } from '../../../test/support/server.js';
import { createTelemetry } from '../../telemetry/index.js';
import { tempoApi } from './index.js';

describe('a client that goes away', () => {
  it('ends its query', async () => {
    const lake = await testLake({ concurrency: 1 });
    const app = fastify();
    await app.register(tempoApi({ guard: lake.guard, telemetry: createTelemetry('silent') }));
    try {
      // Each span a trace of its own: the search has to look at all of them one batch after the other.
      await lake.connection.run(
        `INSERT INTO lake.spans BY NAME SELECT make_timestamp(1772445600000000 + i) AS timestamp,
           (1772445600000000 + i) * 1000 AS start_time_unix_nano, 1::BIGINT AS duration_nano,
           md5(i::VARCHAR) AS trace_id, substr(md5(i::VARCHAR), 1, 16) AS span_id, 'bulk' AS span_name
         FROM range(200000) t(i)`,
      );
      const url = await app.listen({ host: '127.0.0.1', port: 0 });
      const client = new AbortController();
      const q = encodeURIComponent('{ childCount > 5 }');
      const answer = fetch(`${url}/api/search?q=${q}&start=1772445600&end=1772449200`, {
        signal: client.signal,
      });
      while (lake.guard.running === 0) await sleep(5);
      client.abort();
      await assert.rejects(answer);
      await eventually(() => Promise.resolve(lake.guard.running === 0 ? true : undefined));
    } finally {
      await app.close();
      await lake.close();
    }
  });
});
