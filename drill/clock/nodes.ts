import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { metricSum } from '../../test/support/metrics.js';
import { logsRequest } from '../../test/support/otlp.js';
import { eventually, sql, type TestServer } from '../../test/support/server.js';
import { FakedClock } from './faked.js';

const waitMs = 180_000;

export async function rowsIn(server: TestServer): Promise<number> {
  return Number((await sql(server, 'SELECT count(*) AS n FROM lake.logs'))[0]?.['n']);
}

/** How the server's wall clock contradicts its lake, or null. */
export async function contradictionOf(server: TestServer): Promise<string | null> {
  const response = await fetch(`${server.url}/api/admin/maintenance/clock`);
  return ((await response.json()) as { contradiction: { kind: string } | null }).contradiction?.kind ?? null;
}

export async function sendRows(server: TestServer, count: number, atMs: number): Promise<void> {
  const records = Array.from({ length: count }, (_, i) => ({
    timeNs: BigInt(atMs) * 1_000_000n,
    body: `row ${i}`,
  }));
  const response = await fetch(`${server.url}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: Uint8Array.from(logsRequest({ 'service.name': 'drill' }, records)),
  });
  assert.equal(response.status, 200, await response.text());
}

/**
 * Nodes on one catalog of which the last has a wrong clock, over all the given offsets. Whatever the one believes: nothing is
 * deleted, both it and the others page, ingest, CHECKPOINT and backups go on, and all agree again once it is right. Gives a
 * line for each offset.
 */
export async function nodesApart(
  folder: string,
  catalog: Record<string, string>,
  offsets: readonly (readonly [offset: string, kind: 'ahead' | 'behind'])[],
  nodes = 3,
): Promise<string[]> {
  const env = {
    ...catalog,
    CANARDSTACK_DUCKLAKE_DATA_PATH: join(folder, 'data'),
    CANARDSTACK_CATALOG_BACKUP_PATH: join(folder, 'backups'),
    CANARDSTACK_CATALOG_BACKUP_INTERVAL_SECS: '5',
    CANARDSTACK_CHECKPOINT_INTERVAL_SECS: '4',
    CANARDSTACK_SEAL_INTERVAL_MS: '200',
  };
  const clocks = await Promise.all(
    Array.from({ length: nodes }, async (_, i) => {
      const own = join(folder, `clock-${i}`);
      await mkdir(own, { recursive: true });
      return FakedClock.in(own);
    }),
  );
  const servers: TestServer[] = [];
  const lines: string[] = [];
  try {
    for (const [i, clock] of clocks.entries())
      servers.push(await clock.start(join(folder, `node-${i}`), env));
    const [right, wrong] = [servers[0], servers.at(-1)] as [TestServer, TestServer];
    const others = servers.slice(0, -1);
    const clock = clocks.at(-1) as FakedClock;
    let expected = 0;
    const send = async (server: TestServer) => {
      await sendRows(server, 100, Date.now());
      expected += 100;
      await eventually(async () => ((await rowsIn(right)) === expected ? true : undefined), waitMs);
    };
    const agree = () =>
      eventually(async () => {
        const found = await Promise.all(servers.map(contradictionOf));
        return found.every((kind) => kind === null) ? true : undefined;
      }, waitMs);
    const done = async () => ({
      checkpoints: await sum(servers, 'ducklake_checkpoint_runs_total'),
      backups: await sum(servers, 'canardstack_catalog_backups_total'),
    });
    for (const server of servers) await send(server);
    await agree();
    for (const [offset, kind] of offsets) {
      await clock.set(offset);
      await eventually(async () => ((await contradictionOf(wrong)) === kind ? true : undefined), waitMs);
      for (const server of others)
        await eventually(
          async () => ((await contradictionOf(server)) === 'nodes' ? true : undefined),
          waitMs,
        );
      for (const server of servers)
        assert.equal(
          (await fetch(`${server.url}/api/admin/health/maintenance`)).status,
          503,
          'nobody is woken',
        );
      const before = await done();
      for (const server of servers) {
        await fetch(`${server.url}/api/admin/maintenance/retention/run`, { method: 'POST' });
      }
      for (const server of others) await send(server);
      // What runs on schedule goes on, by whichever node has the turn.
      await eventually(async () => {
        const now = await done();
        return now.checkpoints >= before.checkpoints + 2 && now.backups > before.backups ? true : undefined;
      }, waitMs);
      assert.equal(await rowsIn(right), expected);
      await clock.set('+0');
      await agree();
      assert.equal(await rowsIn(wrong), expected);
      lines.push(
        `one node of ${nodes} at ${offset}: it says ${kind}, the others nodes; ${expected} rows, none deleted`,
      );
    }
    for (const server of servers.splice(0)) assert.equal(await server.stop(), 0);
  } finally {
    for (const server of servers) await server.kill();
  }
  return lines;
}

async function sum(servers: readonly TestServer[], metric: string): Promise<number> {
  let total = 0;
  for (const server of servers) total += await metricSum(server, metric, { status: 'ok' });
  return total;
}
