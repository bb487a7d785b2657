import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { Config } from '../config/index.js';
import { CommandError } from './errors.js';

export interface ClientResponse {
  readonly status: number;
  readonly text: string;
  json(): unknown;
}

export interface ClientRequest {
  readonly method?: 'GET' | 'POST';
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly key?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** Ends the call before its time. */
  readonly signal?: AbortSignal;
}

/** Nobody answered at the address: refused, unreachable, unknown host. */
class NoServerError extends Error {
  constructor(
    readonly url: string,
    code: string,
  ) {
    super(`no server answers at ${url} (${code})`);
    this.name = 'NoServerError';
  }
}

const unreachable = [
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EADDRNOTAVAIL',
  'ECONNRESET',
];
const maxResponseBytes = 512 * 1024 * 1024;

/** Calls one canardstack server. Every call has a time-out. */
export class Client {
  readonly #tls: RequestOptions;

  constructor(
    readonly url: string,
    tls: RequestOptions = {},
  ) {
    this.#tls = tls;
  }

  /** A client of the server that `config` describes; with TLS it trusts exactly the configured certificate. */
  static async forConfig(config: Pick<Config, 'bind' | 'tlsCert'>): Promise<Client> {
    const at = config.bind.lastIndexOf(':');
    const host = config.bind.slice(0, at);
    const local = host === '0.0.0.0' ? '127.0.0.1' : host === '[::]' ? '[::1]' : host;
    const authority = `${local}:${config.bind.slice(at + 1)}`;
    if (config.tlsCert === undefined) return new Client(`http://${authority}`);
    const tls: RequestOptions & { allowPartialTrustChain: boolean } = {
      ca: await readFile(config.tlsCert),
      // The certificate is for the public name, while this connects to the bound address.
      checkServerIdentity: () => undefined,
      allowPartialTrustChain: true,
    };
    return new Client(`https://${authority}`, tls);
  }

  async call(path: string, request: ClientRequest = {}): Promise<ClientResponse> {
    const url = new URL(path.replace(/^\//, ''), `${this.url.replace(/\/+$/, '')}/`);
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const headers: Record<string, string> = { ...request.headers };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (request.key !== undefined) headers['authorization'] = `Bearer ${request.key}`;
    const timeout = AbortSignal.timeout(request.timeoutMs ?? 10_000);
    const signal = request.signal ? AbortSignal.any([timeout, request.signal]) : timeout;
    const options = {
      method: request.method ?? (body === undefined ? 'GET' : 'POST'),
      headers,
      signal,
      agent: false,
    };
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const outgoing =
          url.protocol === 'https:'
            ? httpsRequest(url, { ...options, ...this.#tls }, resolve)
            : httpRequest(url, options as RequestOptions, resolve);
        outgoing.on('error', reject);
        outgoing.end(body);
      });
      const text = await readBody(response);
      return { status: response.statusCode ?? 0, text, json: () => JSON.parse(text) as unknown };
    } catch (error) {
      if (timeout.aborted) {
        throw new Error(`${this.url} did not answer within ${(request.timeoutMs ?? 10_000) / 1000} s`, {
          cause: error,
        });
      }
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (unreachable.includes(code)) throw new NoServerError(this.url, code);
      throw new Error(`${this.url}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    if (bytes > maxResponseBytes) throw new Error(`the answer is larger than ${maxResponseBytes} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The message of an error answer of any of the APIs, or its first bytes. */
export function errorMessage(response: ClientResponse): string {
  try {
    const body = response.json() as { error?: { message?: string } | string; message?: string };
    if (typeof body.error === 'string') return body.error;
    const message = body.error?.message ?? body.message;
    if (message !== undefined) return message;
  } catch {
    // Not JSON.
  }
  return response.text.slice(0, 200) || `HTTP ${response.status}`;
}

interface AdminRequest {
  /** Sent by POST; absent: a GET. */
  readonly body?: unknown;
  readonly timeoutMs: number;
  /** Statuses beside 200 that are answers too. */
  readonly also?: readonly number[];
}

/**
 * The answer of the running server's admin API below /api/admin/; null when no server answers. Throws CommandError with
 * the server's words, or that it wants the admin key.
 */
export async function askAdmin(
  config: Pick<Config, 'bind' | 'tlsCert' | 'adminApiKey' | 'apiKey'>,
  path: string,
  { body, timeoutMs, also = [] }: AdminRequest,
): Promise<unknown> {
  const client = await Client.forConfig(config);
  try {
    const key = config.adminApiKey ?? config.apiKey;
    const response = await client.call(`/api/admin/${path}`, { body, key, timeoutMs });
    if (response.status === 200 || also.includes(response.status)) return response.json();
    if (response.status === 401) {
      throw new CommandError(
        `${client.url} wants the admin key: set CANARDSTACK_ADMIN_API_KEY (or CANARDSTACK_API_KEY when there is none)`,
      );
    }
    throw new CommandError(errorMessage(response));
  } catch (error) {
    if (error instanceof NoServerError) return null;
    throw error;
  }
}
