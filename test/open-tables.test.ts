import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { it } from 'node:test';
import { spansRequest } from './support/otlp.js';
import { eventually, sql, startServer, type TestServer } from './support/server.js';

const python = join(resolve(process.env['PYTHON_VENV'] || '.cache/venv'), 'bin/python');
const skip = existsSync(python) ? false : process.env['PYTHON_VENV_MISSING'] || `${python} is not there`;

type Rows = readonly (readonly [service: string, count: number, nanoseconds: number])[];

/** Service, number of spans and their time, by engine. */
async function others(question: {
  files?: readonly string[];
  catalog?: string;
}): Promise<Record<string, Rows>> {
  const child = spawn(python, ['test/clients/python/open_tables.py'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(question));
  return JSON.parse(await text(child.stdout)) as Record<string, Rows>;
}

async function counted(server: TestServer): Promise<Rows> {
  const rows = await sql(
    server,
    'SELECT service_name AS service, count(*) AS n, sum(duration_nano)::BIGINT AS ns FROM lake.spans GROUP BY ALL ORDER BY ALL',
  );
  return rows.map((row) => [String(row['service']), Number(row['n']), Number(row['ns'])] as const);
}

async function files(server: TestServer): Promise<string[]> {
  const rows = await sql(server, "SELECT data_file, delete_file FROM ducklake_list_files('lake', 'spans')");
  assert.ok(rows.every((row) => row['delete_file'] === null));
  return rows.map((row) => String(row['data_file']));
}

async function send(server: TestServer, service: string, spans: number, before: number): Promise<void> {
  const now = BigInt(Date.now()) * 1_000_000n;
  const body = spansRequest(
    { 'service.name': service },
    Array.from({ length: spans }, (_, i) => ({
      ...{ traceId: randomBytes(16), spanId: randomBytes(8), name: `call ${i % 7}` },
      ...{ startNs: now - 1_000_000_000n, endNs: now + BigInt(i) },
      attributes: { 'order.id': `o-${i}`, 'item.count': i },
    })),
  );
  const sent = await fetch(`${server.url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: Buffer.from(body),
  });
  assert.equal(sent.status, 200);
  const total = async () => (await counted(server)).reduce((sum, [, n]) => sum + n, 0);
  await eventually(async () => ((await total()) === before + spans ? true : undefined));
}

it(
  'other engines read the same rows from the files and the catalog',
  { skip, timeout: 400_000 },
  async () => {
    const server = await startServer({ env: { CANARDSTACK_DATA_INLINING_ROW_LIMIT: '50' } });
    const catalog = join(server.dataDir, 'canardstack.ducklake');
    try {
      await send(server, 'large', 400, 0);
      await send(server, 'large', 300, 400);
      await send(server, 'small', 20, 700);
      const all = await counted(server);
      assert.deepEqual(
        all.map(([service, n]) => [service, n]),
        [
          ['large', 700],
          ['small', 20],
        ],
      );
      // What the catalog holds itself is in no file yet.
      const early = await others({ files: await files(server) });
      assert.equal(Object.keys(early).length, 2);
      for (const [engine, rows] of Object.entries(early)) assert.deepEqual(rows, all.slice(0, 1), engine);

      const flushed = await fetch(`${server.url}/api/admin/maintenance/checkpoint`, { method: 'POST' });
      assert.match(await flushed.text(), /"status":"ok"/);
      assert.deepEqual(await counted(server), all);
      const listed = await files(server);
      const found = await others({ files: listed });
      assert.equal(await server.stop(), 0);
      Object.assign(found, await others({ catalog }));
      assert.equal(Object.keys(found).length, 3);
      for (const [engine, rows] of Object.entries(found)) assert.deepEqual(rows, all, engine);
    } finally {
      await server.kill();
      await rm(server.dataDir, { recursive: true, force: true });
    }
  },
);
