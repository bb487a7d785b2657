import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { testCatalog, type TestCatalog } from '../../test/support/catalog-server.js';
import { temporaryFolder } from '../../test/support/server.js';
import type { TwoHosts } from './mounts.js';

const catalogName = 'canardstack.ducklake';

/** Two catalog servers, each with ports of its own, on one catalog file; and two nodes with a spool each. */
export class SharedServerCatalog {
  private constructor(
    readonly folder: string,
    readonly first: TestCatalog,
    readonly second: TestCatalog,
  ) {}

  /**
   * `leaseSecs`: the lease of the first server; the second has a long one, so that it may be stopped for a while as
   * well. `hosts`: the folder of the catalog as each of the two servers sees it, when these differ.
   */
  static async make(leaseSecs: number, hosts?: TwoHosts): Promise<SharedServerCatalog> {
    const folder = hosts?.folder ?? (await temporaryFolder());
    const [one, two] = [await testCatalog(folder), await testCatalog(folder)];
    await mkdir(join(folder, 'catalog'), { recursive: true });
    const server = (made: TestCatalog, name: string, view: string, secs: number): TestCatalog => ({
      ...made,
      token: one.token,
      log: join(folder, `${name}.log`),
      env: {
        ...made.env,
        CANARDSTACK_DATA_DIR: join(folder, name),
        CANARDSTACK_DUCKLAKE_CATALOG_PATH: join(view, 'catalog', catalogName),
        CANARDSTACK_DUCKLAKE_QUACK_TOKEN: one.token,
        CANARDSTACK_CATALOG_LEASE_SECS: String(secs),
      },
      nodeEnv: { ...made.nodeEnv, CANARDSTACK_DUCKLAKE_QUACK_TOKEN: one.token },
    });
    return new SharedServerCatalog(
      folder,
      server(one, 'catalog-first', hosts?.first ?? folder, leaseSecs),
      server(two, 'catalog-second', hosts?.second ?? folder, 40),
    );
  }

  get catalogFolder(): string {
    return join(this.folder, 'catalog');
  }

  get catalogName(): string {
    return catalogName;
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}
