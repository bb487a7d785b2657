import { resolve } from 'node:path';
import type { Config, Sources } from '../config/index.js';
import { createTelemetry } from '../telemetry/index.js';
import { Client } from './client.js';
import { demo } from './demo/index.js';

interface Options {
  /** The server to send to; null: the one that the configuration describes, started when it does not run. */
  readonly url: string | null;
  readonly historyHours: number;
  readonly rate: number;
  readonly once: boolean;
  readonly seed: number;
}

/** `canardstack demo`. Resolves with the exit code. */
export async function runDemo(config: Config, sources: Sources, options: Options): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const report = (line: string) => void process.stderr.write(`${line}\n`);
  const client = options.url === null ? await Client.forConfig(config) : new Client(options.url);
  const server =
    options.url === null && !(await answers(client)) ? await startOwn(config, sources, report) : null;
  try {
    report(`look at ${server?.url ?? client.url}/`);
    await demo({
      client: server ? new Client(server.url) : client,
      key: config.apiKey,
      historyMs: options.historyHours * 3_600_000,
      rate: options.rate,
      once: options.once,
      seed: options.seed,
      signal: stop.signal,
      report,
    });
    return 0;
  } finally {
    await server?.close();
  }
}

async function answers(client: Client): Promise<boolean> {
  try {
    return (await client.call('/healthz', { timeoutMs: 3000 })).status === 200;
  } catch {
    return false;
  }
}

/** A server in this process; without a data folder given, in one of its own, so that the demo stays apart. */
async function startOwn(config: Config, sources: Sources, report: (line: string) => void) {
  const { startServer } = await import('./server/index.js');
  const given = sources.dataDir !== 'default';
  const dataDir = given ? config.dataDir : resolve('canardstack-demo');
  report(`no server answers: starting one, with its data in ${dataDir}`);
  return await startServer({ ...config, dataDir }, createTelemetry('warn'), undefined, sources);
}
