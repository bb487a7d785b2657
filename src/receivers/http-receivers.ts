import type { FastifyPluginAsync } from 'fastify';
import { receiveBy, type HttpProtocol, type HttpReceiverOptions } from './http.js';
import { otlpHttp } from './otlp/http.js';
import { remoteWrite } from './prometheus/remote-write.js';

const protocols: readonly HttpProtocol[] = [remoteWrite];

/** Every protocol that comes over HTTP. */
export function httpReceivers(options: HttpReceiverOptions): FastifyPluginAsync[] {
  return [otlpHttp(options), ...protocols.map((protocol) => receiveBy(protocol, options))];
}
