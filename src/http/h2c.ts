import type { Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { grpcConnections, status, type GrpcHandler } from '../grpc/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { deniedMessage, type KeyCheck } from './auth.js';

/** What an HTTP/2 connection begins with (RFC 9113, section 3.4); no request of HTTP/1.1 does. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** Calls under way at shutdown have so long to end. */
const graceMs = 5000;

export type GrpcMethods = ReadonlyMap<string, GrpcHandler>;

/** The same methods for callers with a key. */
export function withKey(check: KeyCheck, methods: GrpcMethods): GrpcMethods {
  return new Map(
    [...methods].map(([path, handler]): [string, GrpcHandler] => [
      path,
      async (call) => {
        const result = check({
          authorization: call.header('authorization'),
          apiKey: call.header('x-api-key'),
        });
        if (result === 'ok') return handler(call);
        call.end(status.UNAUTHENTICATED, deniedMessage(result));
      },
    ]),
  );
}

/**
 * gRPC on the port of an HTTP/1.1 server without TLS: the first bytes of a connection tell which of the two it is.
 * `timeoutMs`: for these bytes.
 */
export function serveH2c(
  app: FastifyInstance,
  methods: GrpcMethods,
  telemetry: Telemetry,
  timeoutMs: number,
): void {
  const server: Server = app.server;
  const http1 = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  const http2 = grpcConnections({ telemetry, methods });
  const undecided = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    undecided.add(socket);
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    const forget = () => {
      undecided.delete(socket);
      clearTimeout(timer);
    };
    let begun = Buffer.alloc(0);
    const decide = () => {
      const read = socket.read() as Buffer | null;
      if (read === null) return;
      begun = Buffer.concat([begun, read]);
      const length = Math.min(begun.length, preface.length);
      const same = begun.subarray(0, length).equals(preface.subarray(0, length));
      if (same && length < preface.length) return;
      socket.unshift(begun);
      socket.off('readable', decide).off('error', ignore).off('close', forget);
      forget();
      if (same) http2.take(socket);
      else for (const listener of http1) listener.call(server, socket);
    };
    socket.on('readable', decide).on('error', ignore).once('close', forget);
  });
  app.addHook('preClose', (done) => {
    for (const socket of undecided) socket.destroy();
    http2.close(graceMs);
    done();
  });
}

/**
 * For a TLS server: clients that offer HTTP/2 alone are gRPC's. All others have HTTP/1.1, which the rest of the port
 * speaks, even where they would rather have HTTP/2.
 */
export const grpcByAlpn = {
  ALPNCallback: ({ protocols }: { readonly protocols: readonly string[] }): string | undefined =>
    ['http/1.1', 'h2'].find((protocol) => protocols.includes(protocol)),
};

/** gRPC on the port of an HTTP/1.1 server with TLS, made with `grpcByAlpn`. */
export function serveAlpn(app: FastifyInstance, methods: GrpcMethods, telemetry: Telemetry): void {
  const server: Server = app.server;
  const http1 = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[];
  server.removeAllListeners('secureConnection');
  const http2 = grpcConnections({ telemetry, methods });
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') http2.take(socket);
    else for (const listener of http1) listener.call(server, socket);
  });
  app.addHook('preClose', (done) => {
    http2.close(graceMs);
    done();
  });
}

function ignore(): void {}
