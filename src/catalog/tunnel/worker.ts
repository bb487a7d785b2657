import { randomUUID } from 'node:crypto';
import { Agent as HttpAgent, createServer, request as httpRequest, type ServerResponse } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { requestHeader, runningPath } from '../running.js';
import type { TunnelCommand, TunnelEvent, TunnelOptions } from './protocol.js';
import { UnansweredRequests } from './repeats.js';

const options = workerData as TunnelOptions;
const { host, port, tls } = options;
let { timeoutMs } = options;

/** Shorter than the server's, which would otherwise close a connection just as it is used. */
const idleMs = 20_000;
const maxBodyBytes = 256 * 1024 * 1024;
/** Bound of a change that the server is at work on: its own bound of an answer. */
const longestMs = 600_000;
/** A server that lives answers this from memory. */
const askMs = 5000;

const pool = { keepAlive: true, maxSockets: 32, maxFreeSockets: 4, timeout: idleMs };
const agent = tls
  ? new HttpsAgent({
      ...pool,
      rejectUnauthorized: !options.insecure,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
      ...(isIP(host) === 0 ? { servername: host } : {}),
    })
  : new HttpAgent(pool);

const send = tls ? httpsRequest : httpRequest;
let parting = false;

let reason: string | null = null;
function report(next: string | null): void {
  if (next === reason) return;
  reason = next;
  tell({ kind: 'state', reason });
}

function tell(event: TunnelEvent): void {
  parentPort?.postMessage(event);
}

parentPort?.on('message', (command: TunnelCommand) => {
  parting = true;
  timeoutMs = Math.min(timeoutMs, command.timeoutMs);
  for (const expire of underWay) setTimeout(expire, timeoutMs);
});

const unanswered = new UnansweredRequests();
const underWay = new Set<() => void>();

const server = createServer({ keepAliveTimeout: 5000 }, (req, res) => {
  const pieces: Buffer[] = [];
  let size = 0;
  req.on('data', (piece: Buffer) => {
    size += piece.length;
    if (size > maxBodyBytes) req.destroy();
    else pieces.push(piece);
  });
  req.on('end', () => pass(Buffer.concat(pieces), req.headers['content-type'], res));
  req.on('error', () => undefined);
});

function pass(body: Buffer, contentType: string | undefined, res: ServerResponse): void {
  const key = unanswered.key(body);
  if (unanswered.refuses(key)) {
    answer(res, 'this request was sent before and its answer is not known');
    return;
  }
  let ended = false;
  const id = randomUUID();
  const begun = performance.now();
  const upstream = send({
    host,
    port,
    agent,
    method: 'POST',
    path: '/quack',
    headers: {
      'content-type': contentType ?? 'application/octet-stream',
      'content-length': body.length,
      [requestHeader]: id,
    },
  });
  const late = () => fail(`no answer within ${Math.round((performance.now() - begun) / 100) / 10} s`);
  // A change that is given up is done all the same, and its sender would have to look that up; so one that the
  // server is still at work on (a large commit, a slow disk) is waited for.
  const expire = () => {
    const patient = key !== null && !parting && performance.now() - begun < longestMs;
    if (!patient) return late();
    void underWayThere(id).then((yes) => {
      if (!yes) late();
      else if (!ended) timer = setTimeout(expire, timeoutMs);
    });
  };
  let timer = setTimeout(expire, timeoutMs);
  underWay.add(expire);
  const end = () => {
    ended = true;
    clearTimeout(timer);
    underWay.delete(expire);
  };
  const fail = (why: string) => {
    if (ended) return;
    end();
    unanswered.add(key);
    upstream.destroy();
    const text = `${tls ? 'https' : 'http'}://${host}:${port}: ${why}`;
    report(text);
    answer(res, text);
  };
  upstream.on('error', (error: NodeJS.ErrnoException) => fail(explain(error)));
  upstream.on('response', (reply) => {
    const parts: Buffer[] = [];
    reply.on('data', (piece: Buffer) => parts.push(piece));
    reply.on('error', (error) => fail(explain(error)));
    reply.on('end', () => {
      const content = Buffer.concat(parts);
      if (!reply.complete) return fail('the answer was cut off');
      if (reply.statusCode !== 200) {
        return fail(`${reply.statusCode ?? 0} ${content.toString('utf8', 0, 200).trim()}`);
      }
      if (ended) return;
      end();
      report(null);
      res.writeHead(200, {
        'content-type': reply.headers['content-type'] ?? 'application/vnd.duckdb',
        'content-length': content.length,
      });
      res.end(content);
    });
  });
  upstream.end(body);
}

/** Whether the server is at work on a request; false when it does not say so in time. */
function underWayThere(id: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = send({ host, port, agent, method: 'GET', path: runningPath + id });
    const timer = setTimeout(() => asked.destroy(new Error('no answer')), Math.min(timeoutMs, askMs));
    asked.on('response', (reply) => {
      clearTimeout(timer);
      reply.resume();
      reply.on('error', () => undefined);
      resolve(reply.statusCode === 204);
    });
    asked.on('error', () => {
      clearTimeout(timer);
      resolve(false);
    });
    asked.end();
  });
}

/** With a status that DuckDB's HTTP client takes for final. */
function answer(res: ServerResponse, text: string): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(424, { 'content-type': 'text/plain', connection: 'close' }).end(`${text}\n`);
}

function explain(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ECONNRESET':
      return 'the connection was cut';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name ${host} is not known`;
    case 'CERT_HAS_EXPIRED':
      return "the server's certificate has expired";
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
      return (
        "the server's certificate is self-signed: give it by CANARDSTACK_DUCKLAKE_QUACK_CA_FILE, or set " +
        'CANARDSTACK_DUCKLAKE_QUACK_INSECURE_TLS=true to accept any'
      );
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the server's certificate is not for ${host}`;
    default:
      // OpenSSL's texts name source files.
      return error.code?.startsWith('ERR_SSL') ? `TLS failed (${error.code})` : error.message;
  }
}

server.listen(0, '127.0.0.1', () =>
  tell({ kind: 'listening', port: (server.address() as AddressInfo).port }),
);
