import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { assertExact, verify } from '../kill/verify.js';
import { settled, startSettled } from '../kill/epoch.js';
import { Workload } from '../kill/workload.js';
import { startServer, temporaryFolder, type TestServer } from '../../test/support/server.js';
import type { TwoHosts } from '../fence/mounts.js';
import { rm } from 'node:fs/promises';

/** Two servers with spools of their own and one catalog. */
export class SharedCatalog {
  private constructor(
    readonly folder: string,
    readonly leaseSecs: number,
    private readonly hosts: TwoHosts | undefined,
  ) {}

  /** `hosts`: the two servers see the catalog's folder by mounts of their own. */
  static async make(leaseSecs: number, hosts?: TwoHosts): Promise<SharedCatalog> {
    return new SharedCatalog(hosts?.folder ?? (await temporaryFolder()), leaseSecs, hosts);
  }

  dataDir(node: string): string {
    return join(this.folder, node);
  }

  env(host: 'first' | 'second' = 'first', more: Record<string, string> = {}): Record<string, string> {
    return {
      CANARDSTACK_DUCKLAKE_CATALOG_PATH: join(
        this.hosts?.[host] ?? this.folder,
        'catalog',
        'canardstack.ducklake',
      ),
      CANARDSTACK_DUCKLAKE_DATA_PATH: join(this.folder, 'data'),
      CANARDSTACK_CATALOG_LEASE_SECS: String(this.leaseSecs),
      ...more,
    };
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

/**
 * SIGSTOP past the lease of a server under load, in the middle of commits or of CHECKPOINT; a second one takes the
 * catalog over in spite of the file lock; SIGCONT, with clients still connected to both. The first must end by
 * itself with exit code 3, and the lake must hold each acknowledged record of both once. Gives the line that sums it up.
 */
export async function pausedPastTheLease(
  shared: SharedCatalog,
  name: string,
  { maintenance = false, pauseAfterMs = 2500, ignoreFileLock = true } = {},
): Promise<string> {
  const running: TestServer[] = [];
  const loads: Workload[] = [];
  const load = (prefix: string, url: string) => {
    const workload = new Workload(prefix);
    workload.start(url, 4);
    loads.push(workload);
    return workload;
  };
  try {
    const first = await startServer({ dataDir: shared.dataDir('first'), env: shared.env() });
    running.push(first);
    const atFirst = load(`${name}-first`, first.url);
    await sleep(pauseAfterMs);
    if (maintenance) {
      void fetch(`${first.url}/api/admin/maintenance/checkpoint`, { method: 'POST' }).catch(() => undefined);
      await sleep(Math.random() * 400);
    }
    process.kill(first.pid, 'SIGSTOP');

    const second = await startServer({
      dataDir: shared.dataDir('second'),
      env: shared.env('second', { CANARDSTACK_CATALOG_IGNORE_FILE_LOCK: String(ignoreFileLock) }),
    });
    running.push(second);
    const atSecond = load(`${name}-second`, second.url);
    await sleep(1500);
    process.kill(first.pid, 'SIGCONT');
    const end = await Promise.race([first.exited, sleep(20_000, null)]);
    if (end?.code !== 3) {
      throw new Error(`${name}: the paused server ended with ${JSON.stringify(end)}\n${await first.logs()}`);
    }
    await atFirst.stop();
    await sleep(1000);
    await atSecond.stop();
    await settled(second);
    assertExact(await verify(second, `${name}-second`, atSecond.sent), `${name}: the second server`);
    // Without a clean end: what is in its log only must be there too.
    await second.kill();

    // The first one again: what it acknowledged and the new catalog lacks is still in its spool.
    const again = await startSettled(shared.dataDir('first'), shared.env());
    running.push(again);
    const firsts = await verify(again, `${name}-first`, atFirst.sent);
    assertExact(firsts, `${name}: the first server`);
    const seconds = await verify(again, `${name}-second`, atSecond.sent);
    assertExact(seconds, `${name}: the second server, after its end`);
    await again.stop();
    return (
      `${name}: paused past its lease, the first server ended by itself with code 3; ` +
      `${firsts.acknowledged} and ${seconds.acknowledged} acknowledged requests, all there once`
    );
  } finally {
    await Promise.all(loads.map((each) => each.stop()));
    for (const server of running) await server.kill();
  }
}
