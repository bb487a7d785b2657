import { execFileSync } from 'node:child_process';

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Null when network namespaces can be made here, else why not. */
export function whyNoNetwork(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'network namespaces need root on Linux';
  const probe = `canard-probe-${process.pid}`;
  try {
    ip('netns', 'add', probe);
    ip('netns', 'del', probe);
    return null;
  } catch (error) {
    return `ip netns: ${error instanceof Error ? error.message.trim() : 'failed'}`;
  }
}

/** A network interface of a task, in a network namespace of its own. */
export interface TaskNetwork {
  readonly namespace: string;
  readonly address: string;
  /** The machine is gone: packets to it get no answer, not even a refusal. */
  cut(): void;
  remove(): void;
}

/**
 * A bridge and tasks on it, each with an address that no other had before. The host's end has the addresses of the
 * resolver and of the object store.
 */
export class Vpc {
  readonly #bridge = `csb${process.pid}`;
  readonly #prefix: string;
  readonly #made: TaskNetwork[] = [];
  #last = 9;

  private constructor(
    cidr: string,
    readonly resolver: string,
    readonly store: string,
  ) {
    this.#prefix = cidr.split('/')[1] ?? '16';
  }

  /** `cidr`: at least a /24. */
  static make(cidr: string): Vpc {
    const base = cidr.split('/')[0]?.split('.').slice(0, 3).join('.') ?? '';
    const vpc = new Vpc(cidr, `${base}.2`, `${base}.3`);
    // Of its own it would change its hardware address with its ports, and tasks would lose resolver and store for a while.
    ip('link', 'add', vpc.#bridge, 'address', '02:0a:14:00:00:01', 'type', 'bridge');
    for (const address of [vpc.resolver, vpc.store]) {
      ip('addr', 'add', `${address}/${vpc.#prefix}`, 'dev', vpc.#bridge);
    }
    ip('link', 'set', vpc.#bridge, 'up');
    return vpc;
  }

  attach(): TaskNetwork {
    const n = ++this.#last;
    if (n > 250) throw new Error('no address is left');
    const namespace = `canard-${process.pid}-${n}`;
    const [near, far] = [`csn${process.pid}x${n}`.slice(0, 15), `csf${n}`];
    const address = this.resolver.replace(/\d+$/, String(n));
    ip('netns', 'add', namespace);
    let there = true;
    const network: TaskNetwork = {
      namespace,
      address,
      cut: () => ip('link', 'set', near, 'nomaster', 'down'),
      remove() {
        if (there) ip('netns', 'del', namespace);
        there = false;
      },
    };
    this.#made.push(network);
    ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', namespace);
    ip('link', 'set', near, 'master', this.#bridge, 'up');
    ip('-n', namespace, 'link', 'set', far, 'name', 'eth0');
    ip('-n', namespace, 'addr', 'add', `${address}/${this.#prefix}`, 'dev', 'eth0');
    ip('-n', namespace, 'link', 'set', 'eth0', 'up');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    return network;
  }

  remove(): void {
    for (const each of this.#made) each.remove();
    ip('link', 'del', this.#bridge);
  }
}
