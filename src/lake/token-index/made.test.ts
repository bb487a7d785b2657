import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import type { Storage } from '../../storage/index.js';
import { createTelemetry } from '../../telemetry/index.js';
import { MadeIndexes } from './made.js';
import { searchOf } from './needle.js';
import { indexParts } from './parts.js';
import { TokenIndexes } from './read.js';

let folder: string;
let instance: DuckDBInstance;
let connection: DuckDBConnection;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'canardstack-made-'));
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
});

after(async () => {
  connection.closeSync();
  instance.closeSync();
  await rm(folder, { recursive: true, force: true });
});

async function file(name: string, rows: number, attributes: string): Promise<string> {
  const path = join(folder, name);
  await connection.run(
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
    acquire: () => instance.connect(),
    release: (used: DuckDBConnection) => used.closeSync(),
  };
  const made = new MadeIndexes(host, telemetry, tokens, 1);
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

it('joins few texts at once, whichever column they are of', async () => {
  const path = await file('wide', 40_000, `repeat(chr(97 + (i % 3)::INTEGER), 1000)`);
  const joined: number[] = [];
  let rows = 0;
  const watched = Object.assign(Object.create(connection) as DuckDBConnection, {
    stream(sql: string) {
      const [, from, until] = />= (\d+) AND file_row_number < (\d+)/.exec(sql) ?? [];
      if (sql.includes('log_attributes')) joined.push(Number(until) - Number(from));
      return connection.stream(sql);
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
