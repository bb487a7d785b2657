import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../test/support/server.js';
import type { Queries, Senders } from './clients.js';
import type { Tally } from './tally.js';
import type { Topology } from './topology.js';

export interface Round {
  /** Of letters and digits: records carry it. */
  readonly name: string;
  readonly text: string;
  /** Null: it is only watched. */
  readonly act: ((topology: Topology) => Promise<void>) | null;
}

/** How long ECS may take to see that a task is gone. */
const noticedAfterMs = 2000;

async function catalogEnds(topology: Topology, how: 'kill' | 'lose'): Promise<void> {
  const { catalog } = topology.services;
  const [task] = catalog.tasks;
  if (task === undefined) throw new Error('there is no catalog');
  await task[how]();
  if (how === 'lose') await topology.remount();
  await catalog.lost(task, noticedAfterMs);
}

/** In the order of a stack update, then what nobody plans. */
export const rounds: readonly Round[] = [
  { name: 'steady', text: 'nothing happens', act: null },
  { name: 'catalog', text: 'catalog replaced', act: ({ services }) => services.catalog.replace() },
  { name: 'app', text: 'ingest nodes replaced', act: ({ services }) => services.app.replace() },
  { name: 'query', text: 'query node replaced', act: ({ services }) => services.query.replace() },
  { name: 'kill', text: 'catalog SIGKILLed', act: (topology) => catalogEnds(topology, 'kill') },
  {
    name: 'host',
    text: 'catalog’s host lost, volume mounted elsewhere',
    act: (topology) => catalogEnds(topology, 'lose'),
  },
];

export interface Watchers {
  readonly tally: Tally;
  readonly senders: Senders;
  readonly queries: Queries;
}

/** One round under load; rejects when queries do not come back, or one tells a wrong number. */
export async function play(
  round: Round,
  topology: Topology,
  watch: Watchers,
  settleMs: number,
): Promise<void> {
  const { tally, senders, queries } = watch;
  tally.begin(round.name);
  await sleep(settleMs);
  await round.act?.(topology);
  // Until both have found their way again, this round goes on.
  await eventually(async () => {
    const before = tally.phase.queries.get('200') ?? 0;
    await sleep(500);
    return (tally.phase.queries.get('200') ?? 0) > before ? true : undefined;
  }, 60_000);
  await sleep(settleMs);
  const probe = senders.sent.get(round.name)?.findLast(({ signal, acked }) => signal === 'logs' && acked);
  if (probe === undefined) throw new Error(`${round.text}: nothing was acknowledged`);
  let lines = 0;
  await eventually(async () => {
    lines = await queries.lines(`${probe.id}/`);
    return lines >= probe.records ? true : undefined;
  }, 60_000);
  if (lines !== probe.records) {
    throw new Error(`${round.text}: ${lines} lines of ${probe.id}, which has ${probe.records} records`);
  }
}
