import { pino, type Logger } from 'pino';
import { Registry } from 'prom-client';

export type { Logger } from 'pino';
export { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The process's own logs and metrics; passed to each stage, never global, so that tests can run several servers. */
export interface Telemetry {
  readonly log: Logger;
  readonly registry: Registry;
}

export function createTelemetry(
  level = 'info',
  destination: NodeJS.WritableStream = process.stderr,
): Telemetry {
  return {
    log: pino({ level, timestamp: pino.stdTimeFunctions.isoTime }, destination),
    registry: new Registry(),
  };
}
