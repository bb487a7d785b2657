import type { FastifyReply, FastifyRequest } from 'fastify';
import { isLoopback } from './bind.js';
import { HttpError } from './errors.js';

/**
 * An onRequest hook for servers on loopback without a key: a page in a browser on this machine must not reach
 * them. A page of another site is told by Fetch Metadata; one whose name was made to resolve to 127.0.0.1
 * (DNS rebinding) by the Host header, which then holds that name.
 */
export function refuseForeignPages(
  request: FastifyRequest,
  _reply: FastifyReply,
  done: (error?: Error) => void,
): void {
  const site = request.headers['sec-fetch-site'];
  const foreign = site !== undefined && site !== 'same-origin' && site !== 'none';
  if (!foreign && isLoopback(hostOf(request))) return done();
  done(
    new HttpError(
      403,
      'forbidden',
      'without CANARDSTACK_API_KEY this server answers only requests to localhost that no foreign web page made',
    ),
  );
}

function hostOf(request: FastifyRequest): string {
  const host = request.headers.host ?? 'localhost';
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}
