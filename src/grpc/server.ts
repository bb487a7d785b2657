import { once } from 'node:events';
import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { parseBind } from '../config/address.js';
import type { TlsFiles } from '../config/tls-files.js';
import { Gauge, type Telemetry } from '../telemetry/index.js';
import { GrpcCall } from './call.js';
import { status } from './status.js';

/** Must end the call; a rejection ends it with INTERNAL and is logged. */
export type GrpcHandler = (call: GrpcCall) => Promise<void>;

export interface GrpcServiceOptions {
  readonly telemetry: Telemetry;
  /** Handlers by `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, GrpcHandler>;
  /** Calls under way on one connection; more wait at the client. */
  readonly maxConcurrentStreams?: number;
  /** A connection is asked for a sign of life after `keepaliveMs`, and cut when none comes in `keepaliveTimeoutMs`. */
  readonly keepaliveMs?: number;
  readonly keepaliveTimeoutMs?: number;
}

export interface GrpcServerOptions extends GrpcServiceOptions {
  /** `host:port`. */
  readonly bind: string;
  readonly tls?: TlsFiles | undefined;
}

export interface GrpcServer {
  /** `host:port`, with the port that was given when 0 was asked for. */
  readonly address: string;
  /** Takes no new calls, waits for those under way, and after `graceMs` cuts what is left. */
  close(graceMs: number): Promise<void>;
}

/** What one call, and all calls of a connection together, may send ahead of being read. */
const streamWindowBytes = 512 * 1024;
const connectionWindowBytes = 4 * 1024 * 1024;

/** gRPC over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md). Rejects when the address cannot be bound. */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { tls, telemetry } = options;
  const http2 = serverOptions(options);
  const server = tls
    ? createSecureServer({ ...http2, ...tls.current, minVersion: 'TLSv1.2' })
    : createServer(http2);
  const unfollow = tls?.onChange((pair) =>
    (server as Http2SecureServer).setSecureContext({ ...pair, minVersion: 'TLSv1.2' }),
  );
  const sessions = serveCalls(server, options);
  new Gauge({
    name: 'canardstack_grpc_connections',
    help: 'Open gRPC connections.',
    registers: [telemetry.registry],
    collect() {
      this.set(sessions.size);
    },
  });
  const { host } = parseBind(options.bind);
  const port = await listen(server, options.bind);
  return {
    address: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    async close(graceMs) {
      unfollow?.();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const cut = setTimeout(() => {
        for (const session of sessions) session.destroy();
      }, graceMs);
      for (const session of sessions) session.close();
      await closed;
      clearTimeout(cut);
    },
  };
}

export interface GrpcConnections {
  /** Serves a connection that began elsewhere, and of which nothing is read yet or what was read is put back. */
  take(socket: Duplex): void;
  /** Takes no new calls on any connection, and after `graceMs` cuts what is left. */
  close(graceMs: number): void;
}

/** gRPC without a port of its own, with prior knowledge (RFC 9113, section 3.3). */
export function grpcConnections(options: GrpcServiceOptions): GrpcConnections {
  const server = createServer(serverOptions(options));
  const sessions = serveCalls(server, options);
  return {
    take(socket) {
      server.emit('connection', socket);
    },
    close(graceMs) {
      for (const session of sessions) session.close();
      setTimeout(() => {
        for (const session of sessions) session.destroy();
      }, graceMs).unref();
    },
  };
}

function serverOptions({ maxConcurrentStreams }: GrpcServiceOptions): ServerOptions {
  return {
    settings: {
      maxConcurrentStreams: maxConcurrentStreams ?? 256,
      initialWindowSize: streamWindowBytes,
      enablePush: false,
    },
    // In megabytes: answers waiting to be sent, and headers.
    maxSessionMemory: 64,
  };
}

/** The sessions that are open at any time. */
function serveCalls(
  server: Http2Server | Http2SecureServer,
  options: GrpcServiceOptions,
): ReadonlySet<ServerHttp2Session> {
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session: ServerHttp2Session) => {
    sessions.add(session);
    keepAlive(session, options.keepaliveMs ?? 60_000, options.keepaliveTimeoutMs ?? 20_000);
    session.setLocalWindowSize(connectionWindowBytes);
    session.on('error', ignore).once('close', () => sessions.delete(session));
  });
  server.on('sessionError', ignore);
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
    dispatch(stream, headers, options),
  );
  return sessions;
}

async function listen(server: Http2Server | Http2SecureServer, bind: string): Promise<number> {
  const { host, port } = parseBind(bind);
  const failed = new AbortController();
  try {
    server.listen({ host, port });
    await once(server, 'listening', failed);
  } catch (error) {
    throw new Error(`gRPC cannot listen on ${bind}`, { cause: error });
  }
  return (server.address() as AddressInfo).port;
}

function dispatch(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  options: GrpcServiceOptions,
): void {
  const refusal = notGrpc(headers);
  if (refusal) {
    stream.on('error', ignore);
    stream.respond(refusal, { endStream: true });
    stream.close(constants.NGHTTP2_NO_ERROR);
    return;
  }
  const call = new GrpcCall(stream, headers);
  const path = headers[':path'] ?? '';
  const handler = options.methods.get(path);
  if (!handler) {
    call.end(status.UNIMPLEMENTED, `no such method: ${path.slice(0, 200)}`);
    return;
  }
  handler(call).catch((error: unknown) => {
    options.telemetry.log.error({ err: error, method: path }, 'a gRPC call failed');
    call.end(status.INTERNAL, 'internal error');
  });
}

/** The HTTP answer to a request that is no call. */
function notGrpc(headers: IncomingHttpHeaders): Record<string, string | number> | null {
  if (headers[':method'] !== 'POST') return { ':status': 405, allow: 'POST' };
  const type = (headers['content-type'] ?? '').toLowerCase();
  return /^application\/grpc(\+proto)?\s*(;|$)/.test(type) ? null : { ':status': 415 };
}

/** Finds connections whose peer is gone without a word. */
function keepAlive(session: ServerHttp2Session, everyMs: number, answerMs: number): void {
  let late: NodeJS.Timeout | undefined;
  const timer = setInterval(() => {
    // One at a time: the answer to one says nothing of another.
    if (session.destroyed || late) return;
    // What came while this thread was busy is read first.
    late = setTimeout(() => setImmediate(() => late && session.destroy()), answerMs).unref();
    session.ping((error: Error | null) => {
      if (error) return;
      clearTimeout(late);
      late = undefined;
    });
  }, everyMs).unref();
  session.once('close', () => {
    clearInterval(timer);
    clearTimeout(late);
  });
}

function ignore(): void {}
