import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fuzzQueries } from '../drill/fuzz-queries.js';
import { fuzzDecoder, fuzzPool } from '../drill/fuzz.js';

describe('damaged and hostile requests', () => {
  const seed = Number(process.env['FUZZ_SEED'] ?? 1);

  it('get an answer each, and batches that DuckDB can rely on', async () => {
    const { outcomes, peakRssBytes } = await fuzzDecoder(2000, seed);
    for (const outcome of ['ok', 'ok, some records rejected', 'malformed', 'too_large']) {
      assert.ok((outcomes[outcome] ?? 0) > 0, `no case was ${outcome}: ${JSON.stringify(outcomes)}`);
    }
    assert.ok(peakRssBytes < 1024 * 1024 * 1024, `peak RSS ${peakRssBytes}`);
  });

  it('get an answer each through worker threads', async () => {
    const { outcomes } = await fuzzPool(400, seed);
    assert.equal(
      Object.values(outcomes).reduce((sum, n) => sum + n, 0),
      400,
    );
  });
});

const querySeed = Number(process.env['FUZZ_SEED'] ?? 1);

describe(`mutated queries, FUZZ_SEED=${querySeed}`, () => {
  it('get an answer each, in the form of their API', async () => {
    const { outcomes } = await fuzzQueries(250, querySeed);
    const told = JSON.stringify(outcomes);
    for (const language of ['promql', 'logql', 'traceql']) {
      for (const status of [200, 400]) assert.ok((outcomes[`${language} ${status}`] ?? 0) > 0, told);
    }
  });
});
