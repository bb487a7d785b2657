import fastifyCors from '@fastify/cors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { parseOriginList } from '../config/kinds.js';

/** What exporters send; others that a page asks for are allowed beside them. */
const requestHeaders = ['authorization', 'content-encoding', 'content-type', 'x-api-key'];
const mostRequestHeaders = 50;
/** Browsers keep an answer no longer than two hours. */
const maxAgeSecs = 7200;

/**
 * Lets pages of `allowed` origins (CANARDSTACK_CORS_ALLOWED_ORIGINS) post to the routes of this scope. To be called
 * before the key's check is hooked in: a preflight can't carry a key. Cookies and the like are allowed to listed
 * origins, for navigator.sendBeacon always sends them, and never with "*".
 */
export async function allowOrigins(scope: FastifyInstance, allowed: string): Promise<void> {
  const patterns = parseOriginList(allowed);
  const anyone = patterns.includes('*');
  const listed = patterns.map(originPattern);
  const origin = (request: FastifyRequest): string | false => {
    const { origin: from, 'access-control-request-method': method } = request.headers;
    if (from === undefined || (request.method === 'OPTIONS' && method === undefined)) return false;
    if (anyone) return '*';
    return listed.some((pattern) => pattern.test(from)) ? from : false;
  };
  await scope.register(fastifyCors, {
    delegator: (request, done) =>
      done(null, {
        origin: origin(request),
        credentials: !anyone,
        methods: ['POST'],
        allowedHeaders: allowedHeaders(request.headers['access-control-request-headers']),
        exposedHeaders: ['retry-after', 'x-canardstack-reason'],
        maxAge: maxAgeSecs,
      }),
  });
}

/** `*` within an origin stands for one label of its host or more. */
function originPattern(pattern: string): RegExp {
  const escaped = pattern.replace(/[\\^$.+?()[\]{}|/-]/g, '\\$&').replaceAll('*', '[a-z0-9.-]+');
  return new RegExp(`^${escaped}$`, 'i');
}

function allowedHeaders(requested: string | undefined): string[] {
  const names = (requested ?? '').toLowerCase().split(',', mostRequestHeaders);
  const tokens = names
    .map((name) => name.trim())
    .filter((name) => /^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/.test(name));
  return [...new Set([...requestHeaders, ...tokens])];
}
