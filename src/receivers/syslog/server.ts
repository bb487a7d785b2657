import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseBind, type TlsFiles } from '../../http/index.js';
import { Exporter, type ReceiverOptions } from '../export.js';

export interface SyslogOptions extends ReceiverOptions {
  /** `host:port`, of TCP and UDP. */
  readonly bind: string;
  /** TCP is TLS then. */
  readonly tls?: TlsFiles | undefined;
}

export interface SyslogServer {
  readonly address: string;
  close(): Promise<void>;
}

const mostConnections = 1000;
/** Of one message; a longer one is cut into several. */
const mostMessageBytes = 64 * 1024;
/** Messages that wait go together, up to this, or after this time. */
const batchBytes = 1024 * 1024;
const batchMs = 200;
const retryMs = 1000;
const lineFeed = 0x0a;

/**
 * Syslog over TCP (RFC 6587: octet counting, or lines) and UDP (RFC 5426). The protocol has no answers: over TCP nothing more is read
 * while what was read is not durable, so that senders wait; datagrams that don't fit are lost, as UDP has it, and counted. Rejects when
 * the address cannot be bound.
 */
export async function startSyslog(options: SyslogOptions): Promise<SyslogServer> {
  const batcher = new Batcher(new Exporter(options, 'syslog'));
  const { host, port } = parseBind(options.bind);
  const sockets = new Set<Socket>();
  const accept = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket));
    void readFrom(socket, batcher);
  };
  const server = options.tls
    ? createTlsServer({ ...options.tls.current, minVersion: 'TLSv1.2' }, accept)
    : createServer(accept);
  const stopFollowing = options.tls?.onChange((pair) => {
    if ('setSecureContext' in server) server.setSecureContext({ ...pair, minVersion: 'TLSv1.2' });
  });
  server.maxConnections = mostConnections;
  server.listen(port, host);
  await once(server, 'listening');
  const bound = server.address();
  const actual = typeof bound === 'object' && bound ? bound.port : port;
  const udp = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  udp.on('message', (message) => void batcher.offer(message)).on('error', () => {});
  udp.bind(actual, host);
  await once(udp, 'listening');
  return {
    address: `${host}:${actual}`,
    async close() {
      stopFollowing?.();
      udp.close();
      server.close();
      for (const socket of sockets) socket.destroy();
      await batcher.close();
    },
  };
}

async function readFrom(socket: Socket, batcher: Batcher): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      rest = await takeMessages(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]), batcher);
    }
  } catch {
    // The connection broke; what came before is whole.
  }
  if (rest.length > 0) await batcher.add(rest);
}

/** Hands on the messages in `bytes`; gives what is not whole yet, less than the most that a message may have. */
async function takeMessages(bytes: Buffer, batcher: Batcher): Promise<Buffer> {
  let pos = 0;
  while (pos < bytes.length) {
    const space = bytes.indexOf(0x20, pos);
    const counted = /^(\d{1,6}) $/.exec(bytes.toString('latin1', pos, Math.min(pos + 7, space + 1)));
    if (counted) {
      const from = pos + counted[0].length;
      const to = from + Number(counted[1]);
      if (to > bytes.length) break;
      await batcher.add(bytes.subarray(from, to));
      pos = to;
      continue;
    }
    const feed = bytes.indexOf(lineFeed, pos);
    if (feed < 0 && bytes.length - pos <= mostMessageBytes) break;
    const to = feed < 0 ? pos + mostMessageBytes : feed;
    if (to > pos) await batcher.add(bytes.subarray(pos, to));
    pos = feed < 0 ? to : feed + 1;
  }
  return Buffer.from(bytes.subarray(pos));
}

/** Gathers messages to payloads, one under way at a time. */
class Batcher {
  #waiting: Buffer[] = [];
  #bytes = 0;
  #sending: Promise<void> | null = null;
  #closed = false;

  constructor(private readonly exporter: Exporter) {}

  /** Resolves when there is room for more. */
  async add(message: Buffer): Promise<void> {
    while (this.#bytes >= batchBytes && !this.#closed) await this.#flush();
    this.#push(message);
  }

  /** Drops it when there is no room. */
  offer(message: Buffer): void {
    if (this.#bytes < batchBytes) this.#push(message);
    else this.exporter.answered('logs', 'dropped');
  }

  #push(message: Buffer): void {
    const framed = Buffer.concat([Buffer.from(`${message.length} `), message]);
    this.#waiting.push(framed);
    this.#bytes += framed.length;
    if (this.#sending === null) void this.#flush();
  }

  #flush(): Promise<void> {
    this.#sending ??= this.#send().finally(() => {
      this.#sending = null;
      if (this.#waiting.length > 0 && !this.#closed) void this.#flush();
    });
    return this.#sending;
  }

  async #send(): Promise<void> {
    if (this.#bytes < batchBytes && !this.#closed) await sleep(batchMs);
    const messages = this.#waiting.splice(0);
    const whole = Buffer.concat(messages);
    this.#bytes -= whole.length;
    if (whole.length === 0) return;
    for (;;) {
      const body = this.exporter.room(whole.length);
      body.set(whole);
      const outcome = await this.exporter.export(
        { signal: 'logs', format: 'syslog', encoding: 'identity' },
        body,
      );
      const failure = outcome.ok ? undefined : outcome.failure;
      this.exporter.answered('logs', failure ? String(failure.http) : 'ok', failure);
      // What is refused for now is sent again; nobody else has it.
      if (failure?.retryAfterSeconds === undefined || this.#closed) return;
      await sleep(retryMs);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#sending;
    if (this.#waiting.length > 0) await this.#send();
  }
}
