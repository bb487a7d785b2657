import { ConfigError } from '../config/index.js';
import { isLoopback, parseBind } from '../config/address.js';
import type { Config } from '../config/settings.js';

export { isLoopback, parseBind } from '../config/address.js';

/** Throws when an address that others can reach would be served without a key. */
export function assertBindAllowed(
  config: Pick<Config, 'bind' | 'grpcBind' | 'apiKey' | 'allowUnauthenticated'>,
): void {
  if (config.apiKey !== undefined || config.allowUnauthenticated) return;
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
