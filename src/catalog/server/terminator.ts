import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import type { BindAddress } from '../../config/address.js';
import type { CertificatePair } from '../../config/tls-files.js';
import type { Logger } from '../../telemetry/index.js';
import { requestHeader, runningPath } from '../running.js';
import { within } from '../../timeout/index.js';
import type { CatalogServerMetrics } from './metrics.js';

export interface TerminatorOptions {
  readonly listen: BindAddress;
  readonly backend: BindAddress;
  /** Undefined serves plain HTTP. */
  readonly tls: CertificatePair | undefined;
  /** Asked before the first byte of each answer: whether what it tells is to be believed. */
  readonly confirm: () => boolean;
  /** Asked before every further piece. */
  readonly valid: () => boolean;
  readonly maxConnections: number;
  readonly metrics: CatalogServerMetrics;
  readonly log: Logger;
  readonly timeouts?: Partial<TerminatorTimeouts>;
}

export interface TerminatorTimeouts {
  /** From the connection to the end of the handshake and of the first headers. */
  readonly handshakeMs: number;
  /** Between a request's first and last byte. */
  readonly requestMs: number;
  /** Longer than clients keep idle connections, so that these close first. */
  readonly idleMs: number;
  /** The backend's time for an answer. */
  readonly answerMs: number;
}

const defaults: TerminatorTimeouts = {
  handshakeMs: 10_000,
  requestMs: 60_000,
  idleMs: 75_000,
  answerMs: 600_000,
};

/** A commit's rows are in files, or few; this is far above what a client sends. */
const maxRequestBytes = 256 * 1024 * 1024;
const plainTextAnswer = 'this port speaks TLS, not plain HTTP\n';

/**
 * Takes the clients' requests by TLS and passes each on to the Quack server, on a connection of its own: Quack keeps a
 * thread for every open connection, so those of idle clients must not reach it. No byte of an answer leaves without
 * the lease.
 */
export class Terminator {
  readonly #sockets = new Set<Socket>();
  #active = 0;
  readonly #running = new Set<string>();
  #closing = false;
  #idle: (() => void) | null = null;
  #lastPlainText = 0;

  private constructor(
    private readonly front: ReturnType<typeof createTcpServer>,
    private readonly http: Server,
    private readonly options: TerminatorOptions,
  ) {}

  static async start(options: TerminatorOptions): Promise<Terminator> {
    const times = { ...defaults, ...options.timeouts };
    const settings = {
      headersTimeout: times.handshakeMs,
      requestTimeout: times.requestMs,
      keepAliveTimeout: times.idleMs,
      connectionsCheckingInterval: 1000,
    };
    const http = options.tls
      ? (createTlsServer({
          ...settings,
          ...options.tls,
          minVersion: 'TLSv1.2',
          handshakeTimeout: times.handshakeMs,
        }) as unknown as Server)
      : createServer(settings);
    const front = createTcpServer({ noDelay: true, keepAlive: true });
    const terminator = new Terminator(front, http, options);
    front.on('connection', (socket) => terminator.#accept(socket, times));
    http.on('request', (req: IncomingMessage, res: ServerResponse) => terminator.#forward(req, res, times));
    http.on('tlsClientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      options.metrics.refused.inc({ reason: 'handshake' });
      options.log.warn({ code: error.code, peer: socket.remoteAddress }, 'a TLS handshake failed');
      socket.destroy();
    });
    http.on('clientError', (_error, socket) => {
      options.metrics.refused.inc({ reason: 'bad_request' });
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
      else socket.destroy();
    });
    front.listen(options.listen.port, options.listen.host);
    await once(front, 'listening');
    return terminator;
  }

  get port(): number {
    return (this.front.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** For certificates that change while serving. */
  setCertificate(pair: CertificatePair): void {
    (this.http as unknown as { setSecureContext(context: object): void }).setSecureContext({
      ...pair,
      minVersion: 'TLSv1.2',
    });
  }

  /** Takes no more requests, lets those under way end within `graceMs`, then cuts all connections. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.front.close();
    if (this.#active > 0) {
      const idle = new Promise<void>((resolve) => (this.#idle = resolve));
      await within(graceMs, idle, () => undefined);
    }
    this.sever();
  }

  /** Cuts every connection at once, answers under way included. */
  sever(): void {
    this.#closing = true;
    this.front.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket, times: TerminatorTimeouts): void {
    const { metrics, maxConnections, tls, log } = this.options;
    socket.on('error', () => undefined);
    if (this.#closing || this.#sockets.size >= maxConnections) {
      metrics.refused.inc({ reason: 'too_many' });
      log.warn({ connections: this.#sockets.size }, 'a connection to the catalog was refused: too many');
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    if (!tls) {
      this.http.emit('connection', socket);
      return;
    }
    const late = setTimeout(() => socket.destroy(), times.handshakeMs);
    socket.once('close', () => clearTimeout(late));
    socket.once('data', (first: Buffer) => {
      clearTimeout(late);
      socket.pause();
      // A TLS handshake record; anything else is answered so that a person sees what is wrong.
      if (first[0] === 0x16) {
        socket.unshift(first);
        this.http.emit('connection', socket);
      } else {
        this.#refusePlainText(socket);
      }
    });
  }

  #refusePlainText(socket: Socket): void {
    this.options.metrics.refused.inc({ reason: 'plain_text' });
    const now = Date.now();
    if (now - this.#lastPlainText > 1000) {
      this.#lastPlainText = now;
      this.options.log.warn(
        { peer: socket.remoteAddress },
        'a client spoke plain text on the TLS port; it needs CANARDSTACK_CATALOG_TLS=true',
      );
    }
    const length = Buffer.byteLength(plainTextAnswer);
    socket.end(
      `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\n\r\n${plainTextAnswer}`,
    );
    socket.setTimeout(1000, () => socket.destroy());
  }

  #forward(req: IncomingMessage, res: ServerResponse, times: TerminatorTimeouts): void {
    const { metrics } = this.options;
    const refuse = (status: number, text: string) => {
      metrics.refused.inc({ reason: 'bad_request' });
      res.writeHead(status, { 'content-type': 'text/plain', connection: 'close' }).end(`${text}\n`);
    };
    if (req.method === 'GET' && req.url?.startsWith(runningPath)) {
      // Asked by a client that has waited long; without the lease its request is not worth waiting for either.
      const running = this.#running.has(req.url.slice(runningPath.length)) && this.options.confirm();
      res.writeHead(running ? 204 : 404).end();
      return;
    }
    if (this.#closing) return refuse(503, 'the catalog server is stopping');
    if (req.method !== 'POST' || req.url !== '/quack') return refuse(404, 'no such endpoint');
    if (Number(req.headers['content-length'] ?? 0) > maxRequestBytes) return refuse(413, 'too large');
    const id = req.headers[requestHeader];
    this.#active++;
    if (typeof id === 'string') this.#running.add(id);
    res.once('close', () => {
      this.#active--;
      if (typeof id === 'string') this.#running.delete(id);
      if (this.#active === 0) this.#idle?.();
    });
    this.#pass(req, res, times);
  }

  #pass(req: IncomingMessage, res: ServerResponse, times: TerminatorTimeouts): void {
    const { backend, metrics, log } = this.options;
    const upstream = request({
      host: backend.host,
      port: backend.port,
      method: 'POST',
      path: '/quack',
      agent: false,
      headers: forwarded(req),
      timeout: times.answerMs,
    });
    let done = false;
    const end = (outcome: 'ok' | 'failed' | 'cut') => {
      if (done) return;
      done = true;
      metrics.requests.inc({ outcome });
      if (outcome === 'ok') return;
      // Nothing that could be taken for an answer: the client must look up what became of its request.
      res.destroy();
      upstream.destroy();
    };
    upstream.on('timeout', () => upstream.destroy(new Error('no answer in time')));
    upstream.on('error', (error) => {
      if (!done) log.warn({ err: error.message }, 'the Quack server gave no answer');
      if (!done) metrics.refused.inc({ reason: 'backend' });
      end('failed');
    });
    upstream.on('response', (answer) => {
      if (!this.#gate(this.options.confirm, end)) return;
      res.writeHead(answer.statusCode ?? 502, answered(answer));
      answer.on('data', (piece: Buffer) => {
        if (!this.#gate(this.options.valid, end)) return;
        metrics.bytes.inc({ direction: 'out' }, piece.length);
        if (!res.write(piece)) {
          answer.pause();
          res.once('drain', () => answer.resume());
        }
      });
      answer.on('end', () => {
        if (!answer.complete || !this.#gate(this.options.valid, end)) return end('failed');
        res.end();
        end('ok');
      });
      answer.on('error', () => end('failed'));
    });
    res.on('close', () => end('failed'));
    req.on('data', (piece: Buffer) => metrics.bytes.inc({ direction: 'in' }, piece.length));
    req.on('error', () => end('failed'));
    req.pipe(upstream);
  }

  #gate(check: () => boolean, end: (outcome: 'cut') => void): boolean {
    if (check()) return true;
    this.options.metrics.refused.inc({ reason: 'lease' });
    end('cut');
    this.sever();
    return false;
  }
}

function forwarded(req: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = { connection: 'close' };
  for (const name of ['content-type', 'content-length', 'transfer-encoding', 'user-agent']) {
    const value = req.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  return headers;
}

function answered(answer: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of ['content-type', 'content-length']) {
    const value = answer.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  return headers;
}
