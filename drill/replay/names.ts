import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

export interface TimesToLive {
  /** Seconds that an address is kept. */
  readonly record: number;
  /** Seconds that "there is none" is kept. */
  readonly negative: number;
}

/**
 * Stands for Cloud Map and for the resolver of a VPC: A records of the running tasks, each answer kept for its time to
 * live, so that a change is seen as late as it may be there.
 */
export class Names {
  readonly #addresses = new Map<string, Set<string>>();
  readonly #kept = new Map<string, { readonly addresses: readonly string[]; readonly until: number }>();

  private constructor(
    private readonly socket: Socket,
    private readonly ttl: TimesToLive,
  ) {}

  static async serve(address: string, ttl: TimesToLive): Promise<Names> {
    const socket = createSocket('udp4');
    const names = new Names(socket, ttl);
    socket.on('message', (query, from) => {
      const answer = names.#answer(query);
      if (answer !== null) socket.send(answer, from.port, from.address);
    });
    socket.bind(53, address);
    await once(socket, 'listening');
    return names;
  }

  register(name: string, address: string): void {
    const there = this.#addresses.get(name) ?? new Set();
    this.#addresses.set(name, there.add(address));
  }

  deregister(name: string, address: string): void {
    this.#addresses.get(name)?.delete(address);
  }

  /** What a client in the VPC gets now. */
  look(name: string): readonly string[] {
    const kept = this.#kept.get(name);
    if (kept !== undefined && kept.until > performance.now()) return kept.addresses;
    const addresses = [...(this.#addresses.get(name) ?? [])];
    const secs = addresses.length > 0 ? this.ttl.record : this.ttl.negative;
    this.#kept.set(name, { addresses, until: performance.now() + secs * 1000 });
    return addresses;
  }

  close(): void {
    this.socket.close();
  }

  /** A DNS message (RFC 1035) for a query with one question; null for what is none. */
  #answer(query: Buffer): Buffer | null {
    if (query.length < 17 || query.readUInt16BE(4) !== 1) return null;
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += length + 1;
    }
    const question = query.subarray(12, at + 5);
    const isA = query.length >= at + 5 && query.readUInt16BE(at + 1) === 1;
    const found = this.look(labels.join('.').toLowerCase());
    const addresses = isA ? found : [];
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    // An answer to a recursive query, NXDOMAIN when the name has no address at all.
    head.writeUInt16BE(0x8180 | (found.length === 0 ? 3 : 0), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(addresses.length, 6);
    const records = addresses.map((address) => {
      const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, this.ttl.record, 0, 4]);
      return Buffer.concat([record, Buffer.from(address.split('.').map(Number))]);
    });
    return Buffer.concat([head, question, ...records]);
  }
}
