import { setTimeout as sleep } from 'node:timers/promises';
import { percentile, table } from '../statistics.js';
import { millisecondsSince, threadTimes } from '../process.js';
import { peerNames, type Peer } from './questions.js';
import type { Running } from './peers.js';

export type Who = 'canardstack' | Peer;

/** What one was asked. */
export interface Asked {
  readonly who: Who;
  /** Whose CPU it takes. */
  readonly pid: number;
  readonly ask: () => Promise<unknown>;
}

/** Milliseconds on the clock and of CPU. */
export interface Taken {
  readonly ms: number;
  readonly cpu: number;
}

export interface Row {
  readonly name: string;
  /** Once what the questions had it read in the background is read. */
  readonly warm: ReadonlyMap<Who, Taken>;
  /** The first of this question in a process that has answered others. */
  readonly first: ReadonlyMap<Who, Taken>;
}

async function taken({ pid, ask }: Asked): Promise<Taken> {
  const [begun, used] = [performance.now(), threadTimes(pid)];
  await ask();
  return { ms: performance.now() - begun, cpu: millisecondsSince(pid, used) };
}

/** Each once. */
export async function once(all: readonly Asked[]): Promise<ReadonlyMap<Who, Taken>> {
  const times = new Map<Who, Taken>();
  for (const one of all) times.set(one.who, await taken(one));
  return times;
}

/** Waits until a process has read what it reads in the background: for two seconds without work, two minutes at most. */
export async function idle(pid: number): Promise<void> {
  for (let quiet = 0, seconds = 0; quiet < 2 && seconds < 120; seconds++) {
    const used = threadTimes(pid);
    await sleep(1000);
    quiet = millisecondsSince(pid, used) < 50 ? quiet + 1 : 0;
  }
}

/** All in turn, `repeats` times: the medians on the clock, the means of CPU. */
export async function inTurn(all: readonly Asked[], repeats: number): Promise<ReadonlyMap<Who, Taken>> {
  const times = new Map<Who, Taken[]>(all.map(({ who }) => [who, []]));
  for (let run = 0; run < repeats; run++) {
    for (const one of all) times.get(one.who)?.push(await taken(one));
  }
  return new Map(
    [...times].map(([who, list]) => {
      const ms = percentile(
        list.map((time) => time.ms),
        0.5,
      );
      return [who, { ms, cpu: list.reduce((sum, { cpu }) => sum + cpu, 0) / list.length }];
    }),
  );
}

/** One that is started for a single question. */
export interface Startable {
  readonly who: Who;
  readonly start: () => Promise<Running>;
  readonly ask: (running: Running) => Promise<unknown>;
}

/** The first answer of a process of its own; its start is not in the figures. */
export async function cold(all: readonly Startable[]): Promise<ReadonlyMap<Who, Taken>> {
  const times = new Map<Who, Taken>();
  for (const { who, start, ask } of all) {
    const running = await start();
    try {
      times.set(who, await taken({ who, pid: running.pid, ask: () => ask(running) }));
    } finally {
      await running.stop();
    }
  }
  return times;
}

/** Ratios of ours to each of the others, and their geometric means. */
export function show(
  title: string,
  rows: readonly { readonly name: string; readonly times: ReadonlyMap<Who, Taken> }[],
): void {
  const peers = peerNames.filter((peer) => rows.some(({ times }) => times.has(peer)));
  const nothing: Taken = { ms: NaN, cpu: NaN };
  const ratios = (peer: Peer, key: keyof Taken) =>
    rows.map(({ times }) => {
      const [own, other] = [times.get('canardstack') ?? nothing, times.get(peer) ?? nothing];
      // What is on S3 is ours as well: how much dearer than from a folder.
      return peer === 'on S3' ? other[key] / own[key] : own[key] / other[key];
    });
  const columns = peers.map((peer) => ({ peer, ms: ratios(peer, 'ms'), cpu: ratios(peer, 'cpu') }));
  const cells = rows.map(({ name, times }, i) => {
    const own = times.get('canardstack') ?? nothing;
    return [
      name,
      own.ms,
      own.cpu,
      ...columns.flatMap(({ peer, ms, cpu }) => {
        const other = times.get(peer) ?? nothing;
        return [other.ms, other.cpu, ms[i] ?? NaN, cpu[i] ?? NaN];
      }),
    ];
  });
  const head = [
    title,
    'ms',
    'CPU ms',
    ...peers.flatMap((peer) => [`${peer} ms`, 'CPU ms', 'ratio', 'of CPU']),
  ];
  console.log(`\n${table([head, ...cells])}`);
  for (const { peer, ms, cpu } of columns) {
    const mean = (list: readonly number[]) => {
      const some = list.filter((ratio) => ratio > 0 && Number.isFinite(ratio));
      return Math.exp(some.reduce((sum, ratio) => sum + Math.log(ratio), 0) / some.length).toFixed(2);
    };
    const count = ms.filter(Number.isFinite).length;
    console.log(`geometric mean, ${peer}, ${count} questions: ${mean(ms)}, of CPU ${mean(cpu)}`);
  }
}
