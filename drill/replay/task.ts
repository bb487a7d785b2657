import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { imageEnv } from '../../test/deploy/files.js';
import { eventually, extensionDir } from '../../test/support/server.js';
import type { TaskNetwork } from './network.js';

const run = promisify(execFile);
const user = ['setpriv', '--reuid=10001', '--regid=10001', '--clear-groups', '--no-new-privs'];
const program = ['node', '/opt/canardstack/dist/src/cli/bin.cjs'];

export interface TaskOptions {
  readonly name: string;
  /** For its logs and the root of its file system. */
  readonly folder: string;
  /** What is mounted at /var/lib/canardstack. */
  readonly volume: string;
  readonly network: TaskNetwork;
  readonly resolver: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly healthCommand: readonly string[];
}

export interface TaskEnd {
  readonly code: number | null;
  readonly milliseconds: number;
  /** SIGTERM was not enough. */
  readonly killed: boolean;
}

/**
 * One container as Fargate runs it: a host name, boot id, process and network namespace of its own, user 10001, no
 * capabilities, a read-only root, and the template's environment.
 */
export class Task {
  #end: { code: number | null } | null = null;

  private constructor(
    private readonly options: TaskOptions,
    private readonly child: ChildProcess,
    /** Of the server, as the host sees it; it is 1 in its own namespace. */
    readonly pid: number,
    private readonly ended: Promise<unknown[]>,
  ) {
    void ended.then(([code]) => (this.#end = { code: code as number | null }));
  }

  static async start(options: TaskOptions): Promise<Task> {
    const { folder, name, network } = options;
    const [root, resolv, boot] = ['root', 'resolv.conf', 'boot-id'].map((file) =>
      join(folder, `${name}-${file}`),
    );
    if (root === undefined || resolv === undefined || boot === undefined) throw new Error('unreachable');
    await mkdir(root, { recursive: true });
    await writeFile(resolv, `nameserver ${options.resolver}\noptions timeout:1 attempts:2\n`);
    await writeFile(boot, `${randomUUID()}\n`);
    const child = spawn(
      'setpriv',
      [
        ...['--pdeathsig', 'KILL', 'ip', 'netns', 'exec', network.namespace],
        ...[
          'unshare',
          '--mount',
          '--uts',
          '--pid',
          '--fork',
          '--kill-child',
          'sh',
          'test/deploy/confine.sh',
          root,
        ],
        ...[
          resolve('dist'),
          resolve('node_modules'),
          resolve(extensionDir()),
          process.execPath,
          options.volume,
        ],
        ...['env', '-i', ...variables(options.env), ...program, ...options.command],
      ],
      {
        env: { PATH: process.env['PATH'], HOST_NAME: name, RESOLV_CONF: resolv, BOOT_ID: boot },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const sink = createWriteStream(join(folder, `${name}.log`), { flags: 'a' });
    child.stdout.pipe(sink, { end: false });
    child.stderr.pipe(sink, { end: false });
    const ended = once(child, 'exit');
    const pid = await eventually(async () => {
      const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
      return children.trim() === '' ? undefined : Number(children.trim().split(' ')[0]);
    });
    return new Task(options, child, pid, ended);
  }

  get name(): string {
    return this.options.name;
  }

  get address(): string {
    return this.options.network.address;
  }

  /** Has ended; then it is never healthy again. */
  get gone(): boolean {
    return this.#end !== null;
  }

  log(): Promise<string> {
    return readFile(join(this.options.folder, `${this.name}.log`), 'utf8');
  }

  /** Runs `canardstack` beside the server, as a health check or `ecs execute-command` does. Rejects unless it ends with 0. */
  async exec(args: readonly string[], timeoutMs: number): Promise<string> {
    const { stdout } = await run(
      'nsenter',
      [
        ...['--target', String(this.pid), '--mount', '--uts', '--net', '--pid', '--root', '--wd'],
        ...[...user, 'env', '-i', ...variables(this.options.env), ...program, ...args],
      ],
      { timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 },
    );
    return stdout;
  }

  async healthy(): Promise<boolean> {
    const [, ...args] = this.options.healthCommand;
    return this.exec(args, 10_000).then(
      () => true,
      () => false,
    );
  }

  /** SIGTERM, and SIGKILL when it still runs after `timeoutSecs`. */
  async stop(timeoutSecs: number): Promise<TaskEnd> {
    const begun = performance.now();
    this.#signal('SIGTERM');
    const inTime = await Promise.race([
      this.ended.then(() => true),
      sleep(timeoutSecs * 1000, false, { ref: false }),
    ]);
    if (!inTime) await this.kill();
    return { code: this.#end?.code ?? null, milliseconds: performance.now() - begun, killed: !inTime };
  }

  async kill(): Promise<void> {
    this.#signal('SIGKILL');
    await this.ended;
  }

  /** The machine below it goes: no packet leaves it any more, and nothing of it runs on. */
  async lose(): Promise<void> {
    this.options.network.cut();
    await this.kill();
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#end !== null || this.child.exitCode !== null || this.child.signalCode !== null) return;
    try {
      process.kill(this.pid, signal);
    } catch {
      // It has just ended by itself.
    }
  }
}

function variables(env: Readonly<Record<string, string>>): string[] {
  // HOME is that of the image's user; a container always has one.
  const all = { ...imageEnv, ...env, HOME: '/nonexistent', PATH: '/opt/bin:/usr/local/bin:/usr/bin:/bin' };
  return Object.entries(all).map(([name, value]) => `${name}=${value}`);
}
