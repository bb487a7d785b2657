import { BlockList, isIPv4, isIPv6 } from 'node:net';
import type { Config } from '../config/settings.js';

export interface BindAddress {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, an IPv6 host in brackets. Throws when the port is out of range. */
export function parseBind(bind: string): BindAddress {
  const colon = bind.lastIndexOf(':');
  const host = bind.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const port = Number(bind.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(`"${bind}" is not an address: it must be host:port with a port from 0 to 65535`);
  }
  return { host, port };
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true;
  if (isIPv4(host)) return loopback.check(host, 'ipv4');
  // Also covers IPv4-mapped addresses (::ffff:127.0.0.1).
  return isIPv6(host) && loopback.check(host, 'ipv6');
}

/** Throws when an address that others can reach would be served without a key. */
export function assertBindAllowed(
  config: Pick<Config, 'bind' | 'grpcBind' | 'apiKey' | 'allowUnauthenticated'>,
): void {
  if (config.apiKey !== undefined || config.allowUnauthenticated) return;
  const binds = { CANARDSTACK_BIND: config.bind, CANARDSTACK_GRPC_BIND: config.grpcBind };
  for (const [name, bind] of Object.entries(binds)) {
    if (bind === 'off' || isLoopback(parseBind(bind).host)) continue;
    throw new Error(
      `${name} is ${bind}, which is not a loopback address, and CANARDSTACK_API_KEY is not set, so anyone who ` +
        'reaches it could read and write telemetry. Set CANARDSTACK_API_KEY, bind to 127.0.0.1, or set ' +
        'CANARDSTACK_ALLOW_UNAUTHENTICATED=true if something before it checks who calls.',
    );
  }
}
