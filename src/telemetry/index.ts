import { pino, type Logger } from 'pino';
import { Registry } from 'prom-client';
import type { Tracer } from './tracer.js';

export type { Logger } from 'pino';
export { Counter, Gauge, Histogram, Registry } from 'prom-client';
export { traced } from './tracer.js';

/** The process's own logs and metrics; passed to each stage, never global, so that tests can run several servers. */
export interface Telemetry {
  readonly log: Logger;
  readonly registry: Registry;
  /** Set while own spans are exported. */
  tracer?: Tracer;
}

const secretKeys = [
  'apiKey',
  'adminApiKey',
  'token',
  'ducklakeQuackToken',
  'password',
  'postgresDsn',
  'ducklakeAttachUri',
  'otlpExportHeaders',
  'gcsHmacSecret',
  'secretAccessKey',
  'sessionToken',
  'authorization',
  'cookie',
  '["x-api-key"]',
  '["proxy-authorization"]',
];

/** A net below the rule that nothing secret is logged: these keys are masked down to three levels. */
const redact = secretKeys.flatMap((key) => {
  const dot = key.startsWith('[') ? '' : '.';
  return [key, `*${dot}${key}`, `*.*${dot}${key}`];
});

export function createTelemetry(
  level = 'info',
  destination: NodeJS.WritableStream = process.stderr,
): Telemetry {
  return {
    log: pino({ level, timestamp: pino.stdTimeFunctions.isoTime, redact }, destination),
    registry: new Registry(),
  };
}
