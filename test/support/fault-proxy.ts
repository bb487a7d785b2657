import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the proxy does to a request instead of, or besides, passing it on. */
export type Fault =
  /** Answers this status with S3's error document; the request goes no further. */
  | { readonly kind: 'status'; readonly status: 403 | 500 | 503 }
  /** Passes it on after `delayMs`, and the answer's body at this rate. */
  | { readonly kind: 'slow'; readonly delayMs: number; readonly bytesPerSecond?: number }
  /** Breaks the connection: before the request is passed on, after the store has done it, or amid the answer's body. */
  | { readonly kind: 'reset'; readonly at: 'before' | 'after' | 'body' }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' };

export type S3Operation =
  | 'GetObject'
  | 'HeadObject'
  | 'PutObject'
  | 'DeleteObject'
  | 'DeleteObjects'
  | 'ListObjects'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'Other';

export interface SeenRequest {
  readonly operation: S3Operation;
  readonly url: string;
  /** The status sent; 0 when the connection was broken. */
  readonly status: number;
  readonly fault: Fault | null;
}

export interface FaultProxy {
  /** `http://127.0.0.1:<port>`: give it as the S3 endpoint. */
  readonly endpoint: string;
  readonly requests: SeenRequest[];
  /** From now on, `fault` for requests of these operations (all by default), for this share of them (1 by default). */
  set(fault: Fault | null, which?: { operations?: readonly S3Operation[]; share?: number }): void;
  close(): Promise<void>;
}

/** An HTTP proxy before an S3 server (path style). Host stays as it is, so that signatures stay valid. */
export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  const { hostname, port } = new URL(upstream);
  const agent = new Agent({ keepAlive: true });
  const requests: SeenRequest[] = [];
  let current: { fault: Fault; operations?: readonly S3Operation[]; share: number } | null = null;

  const choose = (operation: S3Operation): Fault | null => {
    if (current === null || (current.operations && !current.operations.includes(operation))) return null;
    return Math.random() < current.share ? current.fault : null;
  };

  const server = createServer((incoming, outgoing) => {
    const operation = operationOf(incoming);
    const fault = choose(operation);
    const seen = (status: number) => requests.push({ operation, url: incoming.url ?? '', status, fault });
    outgoing.on('error', () => undefined);
    incoming.on('error', () => undefined);
    void answer(incoming, outgoing, fault).then(seen, () => {
      seen(0);
      incoming.socket.resetAndDestroy();
    });
  });

  const answer = async (
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    fault: Fault | null,
  ): Promise<number> => {
    if (fault?.kind === 'reset' && fault.at === 'before') throw new Error('reset');
    if (fault?.kind === 'hang') {
      incoming.resume();
      await once(incoming.socket, 'close');
      return 0;
    }
    if (fault?.kind === 'status') {
      // The body is read first: a client that still sends would see a broken connection instead.
      incoming.resume();
      await once(incoming, 'end');
      outgoing.writeHead(fault.status, { 'content-type': 'application/xml' });
      outgoing.end(incoming.method === 'HEAD' ? undefined : errorDocument(fault.status));
      return fault.status;
    }
    if (fault?.kind === 'slow') await sleep(fault.delayMs);
    const response = await passOn(incoming);
    if (fault?.kind === 'reset' && fault.at === 'after') {
      response.resume();
      await once(response, 'end');
      throw new Error('reset');
    }
    outgoing.writeHead(response.statusCode ?? 502, response.headers);
    await pipeline(response, spoiled(fault), outgoing);
    return response.statusCode ?? 502;
  };

  const passOn = async (incoming: IncomingMessage): Promise<IncomingMessage> => {
    const { method, url: path, headers } = incoming;
    const upward = request({ hostname, port, method, path, headers, agent });
    incoming.pipe(upward);
    incoming.on('close', () => {
      if (!incoming.complete) upward.destroy();
    });
    const [response] = (await once(upward, 'response')) as [IncomingMessage];
    return response;
  };

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    set(fault, which = {}) {
      current = fault && { fault, share: which.share ?? 1, ...which };
    },
    async close() {
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await once(server, 'close').catch(() => undefined);
    },
  };
}

/** The answer's body as the fault lets it through. */
function spoiled(fault: Fault | null): Transform {
  const rate = fault?.kind === 'slow' ? fault.bytesPerSecond : undefined;
  return new Transform({
    transform(part: Buffer, _encoding, done) {
      if (fault?.kind === 'reset') {
        this.push(part.subarray(0, Math.floor(part.length / 2)));
        setTimeout(() => done(new Error('reset')), 10);
      } else if (rate === undefined) done(null, part);
      else setTimeout(() => done(null, part), (part.length / rate) * 1000);
    },
  });
}

function errorDocument(status: number): string {
  const code = { 403: 'AccessDenied', 500: 'InternalError', 503: 'SlowDown' }[status] ?? 'InternalError';
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>by the fault proxy</Message></Error>`;
}

function operationOf({ method, url = '' }: IncomingMessage): S3Operation {
  const { pathname, searchParams } = new URL(url, 'http://s3');
  const key = pathname.split('/').slice(2).join('/');
  const upload = searchParams.has('uploadId');
  if (key === '') {
    if (method === 'GET') return 'ListObjects';
    return method === 'POST' && searchParams.has('delete') ? 'DeleteObjects' : 'Other';
  }
  switch (method) {
    case 'GET':
      return 'GetObject';
    case 'HEAD':
      return 'HeadObject';
    case 'PUT':
      return upload ? 'UploadPart' : 'PutObject';
    case 'DELETE':
      return upload ? 'AbortMultipartUpload' : 'DeleteObject';
    case 'POST':
      if (searchParams.has('uploads')) return 'CreateMultipartUpload';
      return upload ? 'CompleteMultipartUpload' : 'Other';
    default:
      return 'Other';
  }
}
