import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { WebSocketServer, type WebSocket } from 'ws';

interface Handshake {
  readonly socket: Socket;
  /** What came behind the request already. */
  readonly head: Buffer;
  readonly response: ServerResponse;
}

/** Longest message of a client, of which none is read. */
const maxPayload = 64 * 1024;
/** A client that doesn't answer the closing of its connection is cut off. */
const closeGraceMs = 1000;

/**
 * WebSockets on the server of an application. The request of a handshake passes its routes and their hooks as any other,
 * and the handler of one takes it with `accept`. One an application.
 */
export class WebSockets {
  readonly #handshakes = new WeakMap<IncomingMessage, Handshake>();
  readonly #server = new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false });

  constructor(app: FastifyInstance) {
    const upgrade = (request: IncomingMessage, socket: Socket, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      if (request.headers.upgrade?.toLowerCase() !== 'websocket')
        return serveWithout(app, request, socket, head);
      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      response.assignSocket(socket);
      response.once('finish', () => socket.destroySoon());
      this.#handshakes.set(request, { socket, head, response });
      app.routing(request, response);
    };
    app.server.on('upgrade', upgrade);
    app.addHook('preClose', (done) => {
      app.server.off('upgrade', upgrade);
      for (const client of this.#server.clients) endWebSocket(client, 1001, 'the server shuts down');
      done();
    });
  }

  get count(): number {
    return this.#server.clients.size;
  }

  /** The request wants a WebSocket; else it is one like any other. */
  wants(request: FastifyRequest): boolean {
    return this.#handshakes.has(request.raw);
  }

  /** Ends the handshake well; `use` gets the connection. A client whose handshake is wrong is told so. */
  accept(request: FastifyRequest, reply: FastifyReply, use: (socket: WebSocket) => void): void {
    const handshake = this.#handshakes.get(request.raw);
    if (!handshake) throw new Error('the request wants no WebSocket');
    this.#handshakes.delete(request.raw);
    reply.hijack();
    handshake.response.detachSocket(handshake.socket);
    this.#server.handleUpgrade(request.raw, handshake.socket, handshake.head, use);
  }
}

/** Closes a connection with a code and a reason, which may hold 123 bytes. */
export function endWebSocket(socket: WebSocket, code: number, reason: string): void {
  socket.close(
    code,
    Buffer.from(reason)
      .subarray(0, 123)
      .toString()
      .replace(/\ufffd$/, ''),
  );
  setTimeout(() => socket.terminate(), closeGraceMs).unref();
}

/**
 * Clients may offer to go over to another protocol (Java's to h2c, with any request), and a server need not take it: the
 * request is read again, as if it had not offered.
 */
function serveWithout(app: FastifyInstance, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const { rawHeaders, method, url, httpVersion } = request;
  let text = `${method ?? 'GET'} ${url ?? '/'} HTTP/${httpVersion}\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = [rawHeaders[i], rawHeaders[i + 1]];
    if (/^(upgrade|connection|http2-settings)$/i.test(name)) continue;
    text += `${name}: ${value}\r\n`;
  }
  socket.unshift(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]));
  app.server.emit(socket instanceof TLSSocket ? 'secureConnection' : 'connection', socket);
}
