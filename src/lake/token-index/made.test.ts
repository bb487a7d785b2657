import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { DuckDBConnection } from '@duckdb/node-api';
import { testDuckDb, type TestDuckDb } from '../../../test/support/duckdb.js';
import type { Storage } from '../../storage/index.js';
import { createTelemetry } from '../../telemetry/index.js';
import { MadeIndexes } from './made.js';
import { searchOf } from './needle.js';
import { indexParts } from './parts.js';
import { TokenIndexes } from './read.js';

let db: TestDuckDb;

before(async () => {
  db = await testDuckDb();
});

after(() => db.close());

async function file(name: string, rows: number, attributes: string): Promise<string> {
  const path = join(db.folder, name);
  await db.connection.run(
    `COPY (SELECT i AS time_unix_nano, 'ok' AS body, ${attributes} AS log_attributes, 't' AS trace_id, 's' AS span_id
       FROM range(${rows}) t(i)) TO '${path}' (FORMAT parquet)`,
  );
  return path;
}

it('indexes a file as soon as there is room', async () => {
  const telemetry = createTelemetry('silent');
  const tokens = new TokenIndexes({ url: '/' } as unknown as Storage, telemetry);
  const host = {
    generation: 0,
    acquire: () => db.instance.connect(),
    release: (used: DuckDBConnection) => used.closeSync(),
  };
  const made = new MadeIndexes(host, telemetry, tokens, { bytes: 1 });
  const [a, b] = [await file('a', 10, `'{}'`), await file('b', 10, `'{}'`)];
  const search = searchOf([[{ text: 'nowhere' }]]);
  assert.ok(search);
  const want = async (...paths: string[]) => {
    made.want(paths, { from: 0n, until: 10n }, new Map(paths.map((path) => [path, 1])));
    await made.settled();
    return [a, b].map((path) => tokens.lacks(path, search));
  };
  try {
    assert.deepEqual(await want(a, b), [false, true], 'the newest');
    assert.deepEqual(await want(a, b), [false, true]);
    assert.deepEqual(await want(a), [true, true]);
  } finally {
    await made.close();
  }
});

it('tries a file again whose index could not be made, until it gives it up', async () => {
  const telemetry = createTelemetry('silent');
  const tokens = new TokenIndexes({ url: '/' } as unknown as Storage, telemetry);
  let asked = 0;
  let path = join(db.folder, 'late');
  const host = {
    generation: 0,
    acquire: () => (asked++, db.instance.connect()),
    release: (used: DuckDBConnection) => used.closeSync(),
  };
  const made = new MadeIndexes(host, telemetry, tokens, { pauseMs: 0 });
  const search = searchOf([[{ text: 'nowhere' }]]);
  assert.ok(search);
  const want = async () => {
    made.want([path], { from: 0n, until: 10n }, new Map([[path, 1]]));
    await made.settled();
    return tokens.lacks(path, search);
  };
  const failures = async () => {
    const metric = await telemetry.registry.getSingleMetric('canardstack_token_index_failures_total')?.get();
    return Object.fromEntries(
      (metric?.values ?? []).map(({ labels, value }) => [labels['then'], value]),
    ) as object;
  };
  try {
    assert.deepEqual([await want(), await failures()], [false, { retried: 1 }], 'it is not there yet');
    await file('late', 10, `'{}'`);
    assert.deepEqual([await want(), await failures()], [true, { retried: 1 }]);
    path = join(db.folder, 'never');
    for (let i = 0; i < 6; i++) assert.equal(await want(), false);
    assert.deepEqual([await failures(), asked], [{ retried: 4, left: 1 }, 6]);
    const patient = new MadeIndexes(host, createTelemetry('silent'), tokens, { pauseMs: 3_600_000 });
    for (let i = 0; i < 3; i++) {
      patient.want([path], { from: 0n, until: 10n }, new Map([[path, 1]]));
      await patient.settled();
    }
    assert.equal(asked, 7);
    await patient.close();
  } finally {
    await made.close();
  }
});

it('joins few texts at once, whichever column they are of', async () => {
  const path = await file('wide', 40_000, `repeat(chr(97 + (i % 3)::INTEGER), 1000)`);
  const joined: number[] = [];
  let rows = 0;
  const watched = Object.assign(Object.create(db.connection) as DuckDBConnection, {
    stream(sql: string) {
      const [, from, until] = />= (\d+) AND file_row_number < (\d+)/.exec(sql) ?? [];
      if (sql.includes('log_attributes')) joined.push(Number(until) - Number(from));
      return db.connection.stream(sql);
    },
  });
  const parts = indexParts(watched, path, { texts: ['body', 'log_attributes'], values: [] });
  for await (const part of parts) if ('rows' in part) rows += part.rows;
  assert.equal(rows, 40_000);
  assert.equal(
    joined.reduce((sum, count) => sum + count, 0),
    rows,
  );
  assert.ok(Math.max(...joined) <= 32 * 1024, joined.join());
});
