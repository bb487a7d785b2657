import { address, addressOrOff, flag, key, milliseconds, oneOf, originList, text } from '../kinds.js';
import { secret, setting } from './definition.js';

export const server = {
  bind: setting('BIND', address(), '127.0.0.1:4318', 'Address of OTLP/HTTP, queries and admin.'),
  grpcBind: setting('GRPC_BIND', addressOrOff(), '127.0.0.1:4317', 'Address of OTLP/gRPC, or "off".'),
  syslogBind: setting(
    'SYSLOG_BIND',
    addressOrOff(),
    'off',
    'Address of syslog over TCP (TLS when TLS_CERT is set) and UDP, or "off". It takes no keys: loopback only, unless ALLOW_UNAUTHENTICATED is set.',
  ),
  apiKey: setting(
    'API_KEY',
    key('a key'),
    undefined,
    'Key for ingest and queries (Authorization: Bearer, or x-api-key). Unset: loopback only.',
    secret,
  ),
  adminApiKey: setting(
    'ADMIN_API_KEY',
    key('a key'),
    undefined,
    'Key for /api/admin; falls back to API_KEY.',
    secret,
  ),
  allowUnauthenticated: setting(
    'ALLOW_UNAUTHENTICATED',
    flag(),
    false,
    'Start on a non-loopback address without a key, or with syslog.',
  ),
  tlsCert: setting(
    'TLS_CERT',
    text('a file'),
    undefined,
    'PEM certificate chain for HTTP and gRPC; reloaded when it changes.',
  ),
  tlsKey: setting('TLS_KEY', text('a file'), undefined, 'PEM private key that belongs to TLS_CERT.'),
  corsAllowedOrigins: setting(
    'CORS_ALLOWED_ORIGINS',
    originList(),
    undefined,
    'Origins of web pages that may send OTLP/HTTP (CORS); "*" stands for every one. Unset: none.',
  ),
  role: setting('ROLE', oneOf('all', 'ingest', 'query'), 'all', 'What `serve` does on this node.'),
  logLevel: setting(
    'LOG_LEVEL',
    oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    'info',
    'Least severe log line written (JSON, stderr).',
  ),
  shutdownTimeoutMs: setting('SHUTDOWN_TIMEOUT_MS', milliseconds(), 30_000, 'Bound of the drain at SIGTERM.'),
};
