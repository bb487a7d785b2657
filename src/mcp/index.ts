import { Readable } from 'node:stream';
import { createMcpHandler } from '@modelcontextprotocol/server';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from '../http/index.js';
import { clientSignal, type QueryApiDeps } from '../query/server/http.js';
import { Counter } from '../telemetry/index.js';
import { inProcess } from './in-process.js';
import { agentServer } from './server.js';

export interface McpDeps extends QueryApiDeps {
  readonly version: string;
  /** Whether the request brings the key of administration, which SQL needs. */
  readonly isAdmin: (request: FastifyRequest) => boolean;
}

/** The second is where Tempo's own MCP server is asked. */
const paths = ['/mcp', '/api/mcp'];
const maxBody = 1024 * 1024;

/** JSON-RPC's codes for what is refused before a message is read. */
const [invalidRequest, internalError] = [-32_600, -32_603];

/**
 * Model Context Protocol over streamable HTTP at /mcp, without sessions: each request stands for itself, so it does not
 * matter which node answers it.
 */
export function mcpHttp(deps: McpDeps): FastifyPluginAsync {
  const { telemetry, version, isAdmin } = deps;
  const calls = new Counter({
    name: 'canardstack_mcp_calls_total',
    help: 'Calls of tools by agents, by tool and outcome.',
    labelNames: ['tool', 'outcome'],
    registers: [telemetry.registry],
  });
  const handlerFor = (admin: boolean) => {
    const source = inProcess(deps, admin);
    return createMcpHandler(
      () =>
        agentServer({
          source,
          version,
          called: (tool, outcome) => calls.inc({ tool, outcome }),
          failed: (error) => telemetry.log.error({ err: error }, 'a tool of an agent failed'),
        }),
      {
        maxRequestBodySize: maxBody,
        onerror: (error) => telemetry.log.debug({ err: error }, 'a request of an agent was refused'),
      },
    );
  };
  const handlers = { query: handlerFor(false), admin: handlerFor(true) };
  return async (app) => {
    app.removeAllContentTypeParsers();
    // The protocol's own reading of the body tells what is wrong with it in the protocol's form.
    app.addContentTypeParser('*', { parseAs: 'string', bodyLimit: maxBody }, (_request, body, done) =>
      done(null, body),
    );
    app.setErrorHandler((error, _request, reply) => {
      const { statusCode = 500, message } = error as { statusCode?: number; message: string };
      if (error instanceof HttpError) void reply.headers(error.headers);
      const code = statusCode < 500 ? invalidRequest : internalError;
      if (statusCode >= 500) telemetry.log.error({ err: error }, 'a request of an agent failed');
      const shown = statusCode < 500 ? message : 'internal error';
      return reply.code(statusCode).send({ jsonrpc: '2.0', id: null, error: { code, message: shown } });
    });
    app.addHook('onRequest', refuseOtherOrigins);
    app.addHook('onClose', async () => {
      await Promise.all([handlers.query.close(), handlers.admin.close()]);
    });
    for (const url of paths) {
      app.route({
        method: ['GET', 'POST', 'DELETE'],
        url,
        handler: async (request, reply) => {
          const handler = isAdmin(request) ? handlers.admin : handlers.query;
          return sendResponse(reply, await handler.fetch(webRequest(request, clientSignal(request, reply))));
        },
      });
    }
  };
}

/** Streamable HTTP, "Security Warning": pages of other sites must not speak to a server on this machine. */
async function refuseOtherOrigins(request: FastifyRequest): Promise<void> {
  const { origin, host } = request.headers;
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)) return;
  throw new HttpError(403, 'forbidden', 'requests of web pages of another origin are refused');
}

function webRequest(request: FastifyRequest, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  const body = typeof request.body === 'string' && request.method === 'POST' ? { body: request.body } : {};
  return new Request(new URL('/mcp', 'http://localhost'), {
    method: request.method,
    headers,
    signal,
    ...body,
  });
}

function sendResponse(reply: FastifyReply, response: Response): FastifyReply {
  void reply.code(response.status);
  response.headers.forEach((value, name) => void reply.header(name, value));
  return reply.send(response.body ? Readable.fromWeb(response.body) : '');
}
