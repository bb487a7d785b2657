import { BlockList, isIPv4, isIPv6 } from 'node:net';

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
