import { PassThrough, type Readable, type Writable } from 'node:stream';
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import type { SqlResult } from '../lake/index.js';
import { QueryError } from '../lake/query-error.js';
import { agentServer } from '../mcp/server.js';
import { maxAnswerBytes, urlOf, type TelemetrySource } from '../mcp/source.js';
import { errorMessage, type Client, type ClientRequest, type ClientResponse } from './client.js';
import { version } from './version.js';

export interface McpOptions {
  readonly client: Client;
  readonly keys: { readonly api: string | undefined; readonly admin: string | undefined };
  readonly timeoutMs: number;
}

/** Speaks the Model Context Protocol on standard input and output until its input ends. */
export async function mcp(options: McpOptions): Promise<void> {
  const source = throughServer(options);
  const ended = new AbortController();
  const failed = (error: unknown) =>
    void process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  const { input, output } = answeredToTheEnd(process.stdin, process.stdout, options.timeoutMs);
  input.once('close', () => ended.abort());
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => ended.abort());
  const handle = serveStdio(() => agentServer({ source, version, failed }), {
    transport: new StdioServerTransport(input, output),
    onerror: failed,
  });
  if (!ended.signal.aborted) {
    await new Promise<void>((resolve) => ended.signal.addEventListener('abort', () => resolve()));
  }
  await handle.close();
}

/** Asks a running server over HTTP. */
function throughServer({ client, keys, timeoutMs }: McpOptions): TelemetrySource {
  const call = async (path: string, request: ClientRequest): Promise<ClientResponse> => {
    const response = await client.call(path, { ...request, timeoutMs }).catch((error: unknown) => {
      throw new QueryError('unavailable', error instanceof Error ? error.message : String(error));
    });
    if (response.status === 200 && response.text.length <= maxAnswerBytes) return response;
    if (response.status === 200) {
      throw new QueryError(
        'limit',
        `the answer is larger than ${maxAnswerBytes} bytes; narrow the query or its range`,
      );
    }
    throw new QueryError('bad_data', errorMessage(response));
  };
  return {
    async ask(ask, params, signal, name) {
      return (await call(urlOf(ask, params, name), { key: keys.api, signal })).json();
    },
    async sql(text, maxRows, signal) {
      const request = { body: { sql: text, maxRows }, key: keys.admin, signal };
      return (await call('/api/admin/sql', request)).json() as SqlResult;
    },
  };
}

/**
 * The streams for a transport that drops what it still works on when its input ends: here the end comes when every
 * request is answered, so that questions may be piped in.
 */
function answeredToTheEnd(
  stdin: Readable,
  stdout: Writable,
  withinMs: number,
): { input: Readable; output: Writable } {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const open = new Set<string>();
  let over = false;
  const endWhenAnswered = () => {
    if (over && open.size === 0) setImmediate(() => input.end());
  };
  stdin.on(
    'data',
    eachLine((message) => {
      if (message.method !== undefined && message.id !== undefined) open.add(JSON.stringify(message.id));
    }),
  );
  stdin.on('data', (chunk: Buffer) => void input.write(chunk));
  output.on(
    'data',
    eachLine((message) => {
      if (message.method !== undefined) return;
      open.delete(JSON.stringify(message.id));
      endWhenAnswered();
    }),
  );
  output.pipe(stdout, { end: false });
  stdout.on('error', () => input.end());
  stdin.once('end', () => {
    over = true;
    endWhenAnswered();
    setTimeout(() => input.end(), withinMs).unref();
  });
  return { input, output };
}

interface Message {
  readonly id?: unknown;
  readonly method?: unknown;
}

const longestLine = 10 * 1024 * 1024;

function eachLine(take: (message: Message) => void): (chunk: Buffer) => void {
  let rest = '';
  return (chunk) => {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = (lines.pop() ?? '').slice(0, longestLine);
    for (const line of lines) {
      try {
        take(JSON.parse(line) as Message);
      } catch {
        // The transport tells what is no message.
      }
    }
  };
}
