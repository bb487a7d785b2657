import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { effective, resolveConfig, type Config } from '../config/index.js';
import { createTelemetry } from '../telemetry/index.js';
import { Client } from './client.js';
import { smokeData } from './smoke-data.js';
import { SmokeSteps, StepRunner, type SmokeKeys, type StepResult } from './smoke-steps.js';

const visibleWithinMs = 20_000;

async function throughApis(runner: StepRunner, steps: SmokeSteps): Promise<void> {
  await runner.step('send one log, one span and one metric of each kind', () => steps.send());
  await runner.step('read the log through the Loki API', () => steps.logs());
  await runner.step('read the trace through the Tempo API', () => steps.traces());
  await runner.step('read the metrics through the Prometheus API', () => steps.metrics());
  await runner.step('count the rows by SQL', () => steps.count());
  await runner.step('CHECKPOINT', () => steps.checkpoint());
  await runner.step('count the rows again', () => steps.count());
}

/** Keeps the last log lines, to be shown when a step fails. */
class Tail extends Writable {
  readonly lines: string[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.lines.push(chunk.toString('utf8').trimEnd());
    if (this.lines.length > 20) this.lines.shift();
    done();
  }
}

/**
 * The whole way in this process, in a temporary folder on free loopback ports: in, seen by every API,
 * CHECKPOINT, restart, still there once. Only the extension folder of `given` is used.
 */
export async function smoke(given: Config, report: (result: StepResult) => void): Promise<StepResult[]> {
  const { startServer } = await import('./server/index.js');
  const folder = await mkdtemp(join(tmpdir(), 'canardstack-smoke-'));
  const { config } = resolveConfig({
    flags: {
      bind: '127.0.0.1:0',
      grpcBind: '127.0.0.1:0',
      dataDir: folder,
      duckdbExtensionDir: effective(given).duckdbExtensionDir,
      sealIntervalMs: 200,
      ducklakeMaintenanceEnabled: false,
    },
  });
  const runner = new StepRunner(report);
  const log = new Tail();
  const data = smokeData();
  let server: Awaited<ReturnType<typeof startServer>> | null = null;
  const start = async () => {
    server = await startServer(config, createTelemetry('warn', log));
    return new SmokeSteps(new Client(server.url), {}, data, visibleWithinMs);
  };
  const stop = async () => {
    const running = server;
    server = null;
    if (running && !(await running.close())) throw new Error('the server stopped before all was committed');
  };
  let steps: SmokeSteps | undefined;
  try {
    await runner.step('start a server in a temporary folder', async () => {
      steps = await start();
    });
    if (steps) await throughApis(runner, steps);
    await runner.step('restart', async () => {
      await stop();
      steps = await start();
    });
    const after = steps;
    if (after) {
      await runner.step('count the rows after the restart', () => after.count());
      await runner.step('read the log again', () => after.logs());
    }
    await runner.step('stop', stop);
  } finally {
    await stop().catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  }
  if (runner.failed) for (const line of log.lines) process.stderr.write(`${line}\n`);
  return runner.results;
}

/** The same against a running server. */
export async function smokeHttp(
  client: Client,
  keys: SmokeKeys,
  report: (result: StepResult) => void,
): Promise<StepResult[]> {
  const runner = new StepRunner(report);
  await throughApis(runner, new SmokeSteps(client, keys, smokeData(), visibleWithinMs));
  return runner.results;
}
