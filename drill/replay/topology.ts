import { rm } from 'node:fs/promises';
import { startS3, type TestS3 } from '../../test/support/s3.js';
import { temporaryFolder } from '../../test/support/server.js';
import type { Mount } from '../fence/mounts.js';
import { Names } from './names.js';
import { Vpc } from './network.js';
import { Service } from './service.js';
import { planStack, type ServicePlan, type StackPlan } from './stack.js';
import { Task } from './task.js';
import { ownVolume, SharedVolume } from './volume.js';

const bucket = 'canardstack-test';
const healthIntervalMs = 1000;

/** The stack of the template on this machine: what AWS gives is stood in for, what runs in its tasks is real. */
export class Topology {
  readonly services: Readonly<Record<ServicePlan['name'], Service>>;
  /** What differs from the template, for people. */
  readonly overrides: string[] = [];
  readonly #users = new Map<string, Record<string, string>>();
  #mount: Mount | null = null;

  private constructor(
    readonly folder: string,
    readonly plan: StackPlan,
    readonly vpc: Vpc,
    private readonly names: Names,
    private readonly s3: TestS3,
    private readonly volume: SharedVolume,
    report: (line: string) => void,
  ) {
    const service = (name: ServicePlan['name']) =>
      new Service({
        plan: plan.services[name],
        names,
        healthIntervalMs,
        report,
        launch: (n) => this.#launch(plan.services[name], n),
      });
    this.services = { catalog: service('catalog'), app: service('app'), query: service('query') };
  }

  static async make(report: (line: string) => void): Promise<Topology> {
    const folder = await temporaryFolder();
    const plan = planStack(bucket);
    const vpc = Vpc.make(plan.vpcCidr);
    let names: Names | undefined;
    let s3: TestS3 | undefined;
    try {
      names = await Names.serve(vpc.resolver, plan.ttl);
      s3 = await startS3({ host: vpc.store, region: plan.region });
      const volume = await SharedVolume.make(folder);
      const topology = new Topology(folder, plan, vpc, names, s3, volume, report);
      await topology.#prepare();
      return topology;
    } catch (error) {
      names?.close();
      await s3?.stop();
      vpc.remove();
      throw error;
    }
  }

  /** From now on tasks of the catalog mount the volume anew, as on another host. */
  async remount(): Promise<void> {
    this.#mount = await this.volume.mount();
  }

  /** Ends what runs, nodes first. Rejects when something does not end well. */
  async end(): Promise<void> {
    for (const name of ['query', 'app', 'catalog'] as const) await this.services[name].end();
  }

  /** Leaves nothing behind but, when `keep`, the folder. */
  async remove(keep: boolean): Promise<void> {
    for (const service of Object.values(this.services)) await service.abandon();
    await this.volume.unmount().catch((error: unknown) => console.error(error));
    this.names.close();
    await this.s3.stop();
    this.vpc.remove();
    if (!keep) await rm(this.folder, { recursive: true, force: true });
  }

  async #prepare(): Promise<void> {
    await this.remount();
    for (const { name, s3Actions } of Object.values(this.plan.services)) {
      const key = await this.s3.user(`role-of-${name}`, [...new Set(s3Actions)]);
      const reach = Object.entries(this.s3.env({ key }));
      this.#users.set(
        name,
        Object.fromEntries(reach.filter(([variable]) => variable !== 'CANARDSTACK_S3_REGION')),
      );
    }
    this.overrides.push(
      'CANARDSTACK_S3_ENDPOINT: the S3 server of the replay (on AWS: not set)',
      'AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: a user with the S3 actions of the task role (on AWS: the role itself)',
      'CANARDSTACK_SNAPSHOT_RETENTION_SECS of app: 1, so that files which CHECKPOINT replaced are gone before they are counted',
      `HealthCheck: the template's command, every ${healthIntervalMs / 1000} s instead of 30 s`,
    );
  }

  async #launch(plan: ServicePlan, n: number) {
    const name = `${plan.name}-${n}`;
    const network = this.vpc.attach();
    const own = plan.name === 'catalog' ? null : await ownVolume(this.folder, name);
    const mount = this.#mount;
    const at = own?.at ?? mount?.at;
    if (at === undefined) throw new Error('the catalog has no volume');
    const task = await Task.start({
      name,
      folder: this.folder,
      volume: at,
      network,
      resolver: this.vpc.resolver,
      command: plan.command,
      healthCommand: plan.healthCommand,
      env: {
        ...plan.env,
        ...this.#users.get(plan.name),
        ...(plan.name === 'app' ? { CANARDSTACK_SNAPSHOT_RETENTION_SECS: '1' } : {}),
      },
    });
    return {
      task,
      release: async () => {
        network.remove();
        await own?.remove();
      },
    };
  }
}
