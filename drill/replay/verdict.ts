import { setTimeout as sleep } from 'node:timers/promises';
import type { VerifyOutcome } from '../../src/recovery/index.js';
import { eventually } from '../../test/support/server.js';
import { assertExact, verify } from '../kill/verify.js';
import type { Senders } from './clients.js';
import type { Task } from './task.js';
import type { Topology } from './topology.js';

const adminMs = 180_000;

export interface Verdict {
  readonly acknowledged: number;
  /** There although the answer was lost. */
  readonly unacknowledged: number;
  readonly records: number;
  readonly files: number;
  /** Leftovers of what was killed while it wrote, whose rows the lake has or never got; a repair has removed them. */
  readonly leftovers: Readonly<Record<string, number>>;
}

/**
 * Everything is committed and checkpointed; then each acknowledged record must be there once, no file missing, and no
 * unknown file with rows.
 */
export async function verdictOf(topology: Topology, senders: Senders): Promise<Verdict> {
  const { app, query } = topology.services;
  const headers = { authorization: `Bearer ${topology.plan.adminKey}` };
  const admin = async (task: Task, path: string) => {
    const url = `http://${task.address}:4318/api/admin/maintenance/${path}`;
    const response = await fetch(url, { method: 'POST', headers, signal: AbortSignal.timeout(adminMs) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} at ${task.name}: ${response.status} ${text}`);
    return JSON.parse(text) as { ran?: boolean; status?: string };
  };
  for (const task of app.tasks) await admin(task, 'seal');
  const [one] = app.tasks;
  const [reader] = query.tasks;
  if (one === undefined || reader === undefined) throw new Error('no node runs');
  // What the first replaces, the second deletes.
  for (let run = 0; run < 2; run++) {
    const result = await eventually(async () => {
      const answer = await admin(one, 'checkpoint');
      // Another node's maintenance is under way.
      return answer.ran === false ? undefined : answer;
    }, 60_000);
    if (result.ran !== true || result.status !== 'ok')
      throw new Error(`CHECKPOINT: ${JSON.stringify(result)}`);
    await sleep(1500);
  }
  let [acknowledged, unacknowledged, records] = [0, 0, 0];
  for (const [prefix, sent] of senders.sent) {
    const found = await verify({ url: `http://${reader.address}:4318`, headers }, prefix, sent);
    assertExact(found, prefix);
    acknowledged += found.acknowledged;
    unacknowledged += found.unacknowledgedPresent;
    for (const each of sent) if (each.acked) records += each.records;
  }
  const found = await verifyFiles(one);
  const leftovers: Record<string, number> = {};
  for (const { state } of found.orphans) leftovers[state] = (leftovers[state] ?? 0) + 1;
  const damaged = found.damaged.length + (leftovers['rows'] ?? 0);
  if (damaged > 0)
    throw new Error(`files: ${JSON.stringify({ ...found, knownFiles: undefined }).slice(0, 2000)}`);
  if (found.orphans.length > 0) {
    await one.exec(['catalog', 'verify', '--json', '--min-age', '0', '--repair', '--yes'], adminMs);
    const again = await verifyFiles(one);
    if (again.orphans.length > 0)
      throw new Error(`the repair left ${JSON.stringify(again.orphans.slice(0, 5))}`);
  }
  return { acknowledged, unacknowledged, records, files: found.knownFiles, leftovers };
}

/** As a command in a running task, by the template's own settings. */
async function verifyFiles(task: Task): Promise<VerifyOutcome> {
  const stdout = await task
    .exec(['catalog', 'verify', '--json', '--min-age', '0'], adminMs)
    .catch((error: unknown) => {
      // It ends with another code when it finds something.
      const { stdout: found, stderr } = error as { stdout?: string; stderr?: string };
      if (!found) throw new Error(`catalog verify: ${stderr}`, { cause: error });
      return found;
    });
  return JSON.parse(stdout) as VerifyOutcome;
}
