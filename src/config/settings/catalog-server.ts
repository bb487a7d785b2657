import { address, count, flag } from '../kinds.js';
import { setting } from './definition.js';

export const catalogServer = {
  catalogListen: setting(
    'CATALOG_LISTEN',
    address(),
    '127.0.0.1:9494',
    'serve-catalog: address that clients attach to.',
  ),
  catalogTls: setting(
    'CATALOG_TLS',
    flag(),
    true,
    'TLS between nodes and serve-catalog: there with TLS_CERT and TLS_KEY, or self-signed for the life of the process.',
  ),
  catalogQuackBackend: setting(
    'CATALOG_QUACK_BACKEND',
    address(),
    '127.0.0.1:9495',
    'serve-catalog: loopback address of the Quack server behind TLS.',
  ),
  catalogHealthBind: setting(
    'CATALOG_HEALTH_BIND',
    address(),
    '127.0.0.1:8080',
    'serve-catalog: address of /healthz, /readyz and /metrics.',
  ),
  catalogMaxConnections: setting(
    'CATALOG_MAX_CONNECTIONS',
    count(),
    512,
    'serve-catalog: connections that clients may hold open; more are refused.',
  ),
};
