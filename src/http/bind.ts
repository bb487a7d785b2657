import { once } from 'node:events';
import { createServer } from 'node:net';
import { ConfigError } from '../config/index.js';
import { isLoopback, parseBind } from '../config/address.js';
import type { Config } from '../config/settings.js';

export { isLoopback, parseBind } from '../config/address.js';

/** Throws when an address that others can reach would be served without a key. */
export function assertBindAllowed(
  config: Pick<Config, 'bind' | 'grpcBind' | 'syslogBind' | 'apiKey' | 'allowUnauthenticated'>,
): void {
  if (config.allowUnauthenticated) return;
  const { syslogBind } = config;
  if (syslogBind !== 'off' && !isLoopback(parseBind(syslogBind).host)) {
    throw new ConfigError([
      `CANARDSTACK_SYSLOG_BIND is ${syslogBind}, which is not a loopback address, and syslog knows no keys, so anyone ` +
        'who reaches it could write telemetry. Bind to 127.0.0.1, or set CANARDSTACK_ALLOW_UNAUTHENTICATED=true if ' +
        'something before it checks who sends.',
    ]);
  }
  if (config.apiKey !== undefined) return;
  const binds = { CANARDSTACK_BIND: config.bind, CANARDSTACK_GRPC_BIND: config.grpcBind };
  for (const [name, bind] of Object.entries(binds)) {
    if (bind === 'off' || isLoopback(parseBind(bind).host)) continue;
    throw new ConfigError([
      `${name} is ${bind}, which is not a loopback address, and CANARDSTACK_API_KEY is not set, so anyone who ` +
        'reaches it could read and write telemetry. Set CANARDSTACK_API_KEY, bind to 127.0.0.1, or set ' +
        'CANARDSTACK_ALLOW_UNAUTHENTICATED=true if something before it checks who calls.',
    ]);
  }
}

const why: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'another process has this port'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
  ['EACCES', 'this process may not use this port'],
  ['ENOTFOUND', 'the host name is not known'],
  ['EAI_AGAIN', 'the host name cannot be looked up'],
]);

/** Throws an error with the setting's name when the address cannot be listened on: ConfigError unless its port is taken. */
export async function assertBindable(setting: string, bind: string): Promise<void> {
  const server = createServer();
  try {
    server.listen(parseBind(bind));
    await once(server, 'listening');
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const said = `${setting}: cannot listen on ${bind}: ${why.get(code) ?? message}`;
    // The other may be about to end.
    throw code === 'EADDRINUSE' ? new Error(said, { cause: error }) : new ConfigError([said]);
  }
  const closed = once(server, 'close');
  server.close();
  await closed;
}
