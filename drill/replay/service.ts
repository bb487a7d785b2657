import { setTimeout as sleep } from 'node:timers/promises';
import type { Names } from './names.js';
import type { ServicePlan } from './stack.js';
import type { Task, TaskEnd } from './task.js';

export interface Rollout {
  readonly desired: number;
  readonly maximumPercent: number;
  readonly minimumHealthyPercent: number;
}

export type Step = { readonly start: number } | { readonly stop: number };

/**
 * What ECS does next in a rolling update with `old` tasks of the former definition and `fresh` healthy ones of the new;
 * null when it is done. Tasks that stop count until they have.
 */
export function nextStep(
  { desired, maximumPercent, minimumHealthyPercent }: Rollout,
  old: number,
  fresh: number,
): Step | null {
  const most = Math.floor((desired * maximumPercent) / 100);
  const least = Math.ceil((desired * minimumHealthyPercent) / 100);
  const start = Math.min(desired - fresh, most - old - fresh);
  if (start > 0) return { start };
  const stop = Math.min(old, old + fresh - least);
  if (stop > 0) return { stop };
  if (old === 0 && fresh === desired) return null;
  throw new Error('with these percentages no task can be replaced');
}

export interface Running {
  readonly task: Task;
  /** Unmounts or removes what only this task had. */
  readonly release: () => Promise<void>;
}

export interface ServiceOptions {
  readonly plan: ServicePlan;
  readonly names: Names;
  readonly launch: (n: number) => Promise<Running>;
  readonly healthIntervalMs: number;
  readonly report: (line: string) => void;
}

const healthyWithinMs = 120_000;

/** The scheduler of one service. */
export class Service {
  #running: Running[] = [];
  #made = 0;

  constructor(private readonly options: ServiceOptions) {}

  get tasks(): Task[] {
    return this.#running.map(({ task }) => task);
  }

  /** The first deployment. */
  async deploy(): Promise<void> {
    await this.#update([]);
  }

  /** A rolling update: every task of now is replaced. */
  async replace(): Promise<void> {
    const old = this.#running;
    this.#running = [];
    await this.#update(old);
  }

  /** A task has ended without being asked to; its place is filled once that is noticed. */
  async lost(task: Task, noticedAfterMs: number): Promise<void> {
    const gone = this.#running.filter((each) => each.task === task);
    this.#running = this.#running.filter((each) => each.task !== task);
    await sleep(noticedAfterMs);
    this.options.names.deregister(this.options.plan.hostName, task.address);
    for (const each of gone) await each.release();
    await this.#update([]);
  }

  async end(): Promise<void> {
    const running = this.#running;
    this.#running = [];
    await this.#stop(running);
  }

  /** Nothing of it runs on, whatever happened. */
  async abandon(): Promise<void> {
    for (const { task, release } of this.#running) {
      await task.kill();
      await release().catch(() => undefined);
    }
  }

  async #update(old: Running[]): Promise<void> {
    const left = [...old];
    try {
      for (;;) {
        const step = nextStep(this.options.plan, left.length, this.#running.length);
        if (step === null) return;
        if ('start' in step) await Promise.all(Array.from({ length: step.start }, () => this.#start()));
        else await this.#stop(left.splice(0, step.stop));
      }
    } finally {
      this.#running.push(...left);
    }
  }

  async #start(): Promise<void> {
    const { plan, names, launch, healthIntervalMs, report } = this.options;
    const begun = performance.now();
    const running = await launch(++this.#made);
    const { task } = running;
    this.#running.push(running);
    names.register(plan.hostName, task.address);
    while (!(await task.healthy())) {
      if (task.gone)
        throw new Error(`${task.name} ended before it was healthy:\n${(await task.log()).slice(-3000)}`);
      if (performance.now() - begun > healthyWithinMs)
        throw new Error(`${task.name} is not healthy:\n${(await task.log()).slice(-3000)}`);
      await sleep(healthIntervalMs);
    }
    report(`${task.name} at ${task.address}: healthy after ${seconds(performance.now() - begun)}`);
  }

  async #stop(tasks: readonly Running[]): Promise<void> {
    const { plan, names, report } = this.options;
    const stopped = await Promise.allSettled(
      tasks.map(async ({ task, release }) => {
        names.deregister(plan.hostName, task.address);
        const end = await task.stop(plan.stopTimeoutSecs);
        await release();
        report(`${task.name}: stopped in ${seconds(end.milliseconds)}`);
        return clean(task, end);
      }),
    );
    for (const each of stopped) if (each.status === 'rejected') throw each.reason;
  }
}

/** What it had acknowledged is lost with its volume unless it ended well. */
async function clean(task: Task, end: TaskEnd): Promise<void> {
  if (end.code === 0 && !end.killed) return;
  throw new Error(
    `${task.name} ended with ${end.code}${end.killed ? ' after SIGKILL' : ''}:\n${(await task.log()).slice(-3000)}`,
  );
}

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
