import { startServer, type TestServer } from '../../test/support/server.js';
import type { MemoryGroup } from '../memory-group.js';
import type { Trial } from './trial.js';

const gibibyte = 1024 ** 3;
export const memoryBytes = 2 * gibibyte;
const maxPeakBytes = 1.5 * gibibyte;
const maxVisibleMs = 3000;

/** A server with the defaults that a machine of 2 GiB gives; V8 would take a quarter of it there. In `group`, if given. */
export function startSmallServer(
  env: Record<string, string> = {},
  dataDir?: string,
  group?: MemoryGroup,
): Promise<TestServer> {
  return startServer({
    started: (pid) => group?.add(pid),
    ...(dataDir !== undefined && { dataDir }),
    nodeArgs: ['--max-old-space-size=512'],
    env: {
      CANARDSTACK_MEMORY_CAP_BYTES: String(Math.floor(memoryBytes * 0.8)),
      CANARDSTACK_DUCKDB_MEMORY_LIMIT: String(Math.floor(memoryBytes * 0.4)),
      CANARDSTACK_DECODE_MEMORY_BYTES: String(memoryBytes / 4),
      CANARDSTACK_MAX_REQUEST_ROW_BYTES: String(memoryBytes / 8),
      ...env,
    },
  });
}

/** Which promise the trial broke, or null. */
export function broken(trial: Trial): string | null {
  if (trial.dead) return 'the server died';
  if (![200, 400, 413, 429].includes(trial.status))
    return `answered ${trial.status}: ${trial.answer.slice(0, 200)}`;
  if (trial.peakBytes > maxPeakBytes) return `peak resident memory of ${mib(trial.peakBytes)} MiB`;
  if (trial.visibleMs === null) return 'the next record was not visible within 20 s';
  if (trial.visibleMs > maxVisibleMs)
    return `the next record was visible after ${Math.round(trial.visibleMs)} ms`;
  return null;
}

const mib = (bytes: number) => Math.round(bytes / 1024 ** 2);
const kib = (bytes: number) => Math.ceil(bytes / 1024);

function outcome({ status, rejected, answer, dead }: Trial): string {
  if (dead) return 'dead';
  const setting = /CANARDSTACK_\w+/.exec(answer)?.[0] ?? '';
  if (status === 200) return rejected > 0 ? `200, ${rejected} rejected: ${setting}` : '200';
  return `${status} ${setting}`.trim();
}

/** The worst of the encodings for each field, format and count, as a Markdown table. */
export function tableOf(trials: readonly Trial[]): string {
  const groups = new Map<string, Trial[]>();
  for (const trial of trials) {
    const key = `${trial.field}/${trial.format}/${trial.count}`;
    groups.set(key, [...(groups.get(key) ?? []), trial]);
  }
  const lines = [...groups.values()].map((group) => {
    const first = group[0]!;
    const worst = (of: (trial: Trial) => number) => Math.max(...group.map(of));
    const visible = worst((trial) => trial.visibleMs ?? Infinity);
    return [
      first.field,
      first.format,
      first.count.toLocaleString('en'),
      group.map((trial) => `${kib(trial.sentBytes)} (${trial.encoding})`).join(', '),
      [...new Set(group.map(outcome))].join('; '),
      String(Math.round(worst((trial) => trial.answerMs))),
      String(Math.round(visible)),
      String(mib(worst((trial) => trial.peakBytes))),
    ].join(' | ');
  });
  return [
    '| Field | Format | Elements | Sent (KiB) | Answer | Answered (ms) | Next record visible (ms) | Peak RSS (MiB) |',
    '| --- | --- | ---: | --- | --- | ---: | ---: | ---: |',
    ...lines.map((line) => `| ${line} |`),
  ].join('\n');
}
