import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { columnBatch } from '../../test/support/batch.js';
import { openTestLake, rowsOf } from '../../test/support/open-lake.js';
import { temporaryFolder } from '../../test/support/server.js';
import { literal, openDatabase } from '../duckdb/index.js';
import { StringArenaLoader } from './chunks.js';
import { MemoryReturn } from './memory.js';
import type { Lake } from './types.js';

const MiB = 1024 * 1024;
const resident = () => process.memoryUsage.rss();

describe('memory of DuckDB', () => {
  let folder: string;
  let lake: Lake;
  before(async () => {
    folder = await temporaryFolder();
    lake = await openTestLake(folder);
  });
  after(async () => {
    await lake.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('is given back after a large statement', async () => {
    const limit = 2048 * MiB;
    const database = await openDatabase({ memory_limit: `${limit}B`, threads: '2' });
    const { connection } = await database.connect();
    const memory = new MemoryReturn((await database.connect()).connection, limit, true);
    await connection.run(
      `CREATE TABLE sorted AS SELECT hash(i) h, repeat('x', 100) || i s FROM range(2000000) r(i) ORDER BY h`,
    );
    await connection.run('DROP TABLE sorted');
    const kept = resident();
    await memory.flush();
    assert.ok(kept - resident() > 50 * MiB, `${kept / MiB} MiB, then ${resident() / MiB}`);
    await memory.stop();
    connection.closeSync();
    database.instance.closeSync();
  });

  it('of files on this machine is given back where much is resident', async () => {
    const limit = 2048 * MiB;
    const database = await openDatabase({
      memory_limit: `${limit}B`,
      threads: '2',
      validate_external_file_cache: 'NO_VALIDATION',
    });
    const { connection } = await database.connect();
    const kept = async () => {
      const reader = await connection.runAndReadAll(
        `SELECT memory_usage_bytes FROM duckdb_memory() WHERE tag = 'EXTERNAL_FILE_CACHE'`,
      );
      return Number(reader.getRows()[0]?.[0]) / MiB;
    };
    // Of files on this machine little more than their footers is kept: here all.
    await connection.run('LOAD parquet');
    await connection.run('SET prefetch_all_parquet_files = true');
    const file = literal(join(folder, 'cached.parquet'));
    await connection.run(
      `COPY (SELECT uuid() u, uuid() v FROM range(5000000)) TO ${file} (FORMAT parquet, COMPRESSION uncompressed)`,
    );
    await connection.run(`SELECT count(DISTINCT hash(u, v)) FROM ${file}`);
    assert.ok((await kept()) > 100, `${await kept()} MiB`);
    for (const [filesAreLocal, much] of [
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const memory = new MemoryReturn((await database.connect()).connection, limit, filesAreLocal);
      await memory.flush(much);
      await memory.stop();
      const left = await kept();
      assert.equal(left < 1, filesAreLocal && much, `${left} MiB`);
    }
    await connection.run(`SELECT count(DISTINCT u) FROM ${file}`);
    assert.ok((await kept()) > 50, 'it goes on keeping');
    connection.closeSync();
    database.instance.closeSync();
  });

  it('is flushed in the lake too, though its settings are locked', async () => {
    await lake.withConnection(async (connection) => {
      await connection.run(`SET GLOBAL memory_limit = '1GiB'`);
      await assert.rejects(connection.run('SET GLOBAL threads = 1'), /locked/);
    });
  });

  it('holds the arenas of a batch only until they are freed, without a collection', () => {
    const loader = new StringArenaLoader();
    const arena = new Uint8Array(16 * MiB).fill(7);
    loader.free(loader.load(arena));
    const begun = resident();
    for (let i = 0; i < 40; i++) loader.free(loader.load(arena));
    assert.ok(resident() - begun < 200 * MiB, `${(resident() - begun) / MiB} MiB more`);
  });

  it('of arenas that were freed is used again, and rows stay what they were', async () => {
    const timestamp = 1_764_000_000_000_000;
    for (let n = 1; n <= 3; n++) {
      const body = (i: number) => `row ${n}/${i} in a body longer than inline`;
      const rows = Array.from({ length: 3000 }, (_, i) => ({ timestamp: timestamp + i, body: body(i) }));
      await lake.commit([columnBatch({ logs: rows })], [{ stream: 'n/logs', position: n }]);
    }
    const [found] = await rowsOf(
      lake,
      `SELECT count(DISTINCT body) n FROM lake.logs WHERE regexp_matches(body, '^row [123]/\\d+ in a body longer than inline$')`,
    );
    assert.equal(Number(found?.['n']), 9000);
  });
});
