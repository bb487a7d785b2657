import { damageCure, damageText, type DamagedFile } from '../lake/files/damaged.js';
import { signals } from '../schema/index.js';
import { within } from '../timeout/index.js';
import type { AdminDeps } from './admin-deps.js';

type HealthStatus = 'ok' | 'degraded' | 'page';

interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly value: number | string | null;
  readonly limit: number | string | null;
  /** Why it is not ok, for people; empty when it is. */
  readonly reason: string;
}

export interface HealthReport {
  readonly status: HealthStatus;
  readonly checks: readonly HealthCheck[];
}

interface Finding extends Omit<HealthCheck, 'ok'> {
  readonly level: HealthStatus;
}

const pageAfterMs = 60_000;
const pingTimeoutMs = 5000;
const sampleEveryMs = 5000;
const spoolDegraded = 0.7;
const spoolPage = 0.9;
/** In a reason. */
const namedFiles = 3;

/** Since when something has been true without a break. */
class Since {
  #since: number | null = null;

  update(holds: boolean, now: number): number {
    if (!holds) this.#since = null;
    else this.#since ??= now;
    return this.#since === null ? 0 : now - this.#since;
  }
}

function report(findings: readonly Finding[]): HealthReport {
  const levels = findings.map(({ level }) => level);
  const status = levels.includes('page') ? 'page' : levels.includes('degraded') ? 'degraded' : 'ok';
  return { status, checks: findings.map(({ level, ...check }) => ({ ...check, ok: level === 'ok' })) };
}

function finding(
  name: string,
  level: HealthStatus,
  value: Finding['value'],
  limit: Finding['limit'],
  reason: string,
): Finding {
  return { name, level, value, limit, reason: level === 'ok' ? '' : reason };
}

function damagedFinding(damaged: readonly DamagedFile[]): Finding {
  const some = damaged.slice(0, namedFiles).map(damageText).join(', ');
  const more = damaged.length > namedFiles ? ` and ${damaged.length - namedFiles} more` : '';
  const reason = `${some}${more}: queries that need them fail; ${damageCure}`;
  return finding('files', damaged.length > 0 ? 'page' : 'ok', damaged.length, 0, reason);
}

/** Judges the server's parts. States that must last before someone is woken are sampled every few seconds. */
export class Health {
  readonly #overSla = new Since();
  readonly #lakeAway = new Since();
  readonly #startedAt: number;
  #lastGoodCheckpoint: number;
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly deps: AdminDeps,
    private readonly clock: () => number = () => performance.now(),
  ) {
    this.#startedAt = clock();
    this.#lastGoodCheckpoint = this.#startedAt;
    this.#timer = setInterval(() => this.sample(), sampleEveryMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  sample(): { overSlaMs: number; lakeAwayMs: number } {
    const now = this.clock();
    const { pipeline, config, lake } = this.deps;
    const sealer = pipeline?.sealer;
    const last = lake.maintenance.state().lastCheckpoint;
    if (last?.status === 'ok')
      this.#lastGoodCheckpoint = Math.max(this.#lastGoodCheckpoint, now - (last.ageSeconds ?? 0) * 1000);
    return {
      overSlaMs: this.#overSla.update(
        sealer !== undefined && sealer.projectedSeconds > config.freshnessBudgetSlaSecs,
        now,
      ),
      lakeAwayMs: this.#lakeAway.update(sealer !== undefined && sealer.unavailable !== null, now),
    };
  }

  async storage(): Promise<HealthReport> {
    const failure = await this.#ping();
    const spoolError = this.deps.pipeline?.intake.spoolError ?? null;
    return report([
      finding(
        'lake',
        failure === null ? 'ok' : 'page',
        failure === null ? 'answers' : 'away',
        null,
        failure ?? '',
      ),
      finding(
        'spool_disk',
        spoolError === null ? 'ok' : 'page',
        spoolError === null ? 'writable' : 'failing',
        null,
        spoolError ?? '',
      ),
      damagedFinding(this.deps.lake.maintenance.state().damaged ?? []),
    ]);
  }

  async #ping(): Promise<string | null> {
    try {
      await within(pingTimeoutMs, this.deps.lake.ping(), () => {
        throw new Error(`the lake did not answer within ${pingTimeoutMs / 1000} s`);
      });
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : 'the lake does not answer';
    }
  }

  ingest(): HealthReport {
    const { overSlaMs, lakeAwayMs } = this.sample();
    const { pipeline, spool, config } = this.deps;
    if (!pipeline || !spool) return { status: 'ok', checks: [] };
    const { sealer } = pipeline;
    const sla = config.freshnessBudgetSlaSecs;
    const lasting = (ms: number): HealthStatus => (ms > pageAfterMs ? 'page' : ms > 0 ? 'degraded' : 'ok');
    const projected = Number(sealer.projectedSeconds.toFixed(3));
    const overNow = sealer.projectedSeconds > sla;
    const { bytes: asideBytes = 0, limitBytes = Infinity } = spool.setAside ?? {};
    const aside = spool.setAside?.records() ?? 0;
    const full = asideBytes >= limitBytes;
    return report([
      ...signals.map((signal) => this.#spoolUse(spool.stream(signal))),
      finding(
        'freshness',
        overNow && overSlaMs === 0 ? 'degraded' : lasting(overSlaMs),
        projected,
        sla,
        `records accepted now would be visible in ${projected} s; over the budget for ${seconds(overSlaMs)} s`,
      ),
      finding(
        'sealing',
        sealer.unavailable !== null && lakeAwayMs === 0 ? 'degraded' : lasting(lakeAwayMs),
        seconds(lakeAwayMs),
        pageAfterMs / 1000,
        `commits to the lake have been failing for ${seconds(lakeAwayMs)} s: ${sealer.unavailable ?? ''}`,
      ),
      finding(
        'set_aside',
        full ? 'page' : aside > 0 ? 'degraded' : 'ok',
        aside,
        0,
        `${aside} acknowledged records are set aside and not in the lake: see "canardstack spool list"` +
          (full
            ? `; with ${asideBytes} bytes of ${limitBytes} no more can be, and sealing waits at the next`
            : ''),
      ),
    ]);
  }

  #spoolUse(stream: { signal: string; usedBytes: number; capacityBytes: number }): Finding {
    const use = stream.usedBytes / stream.capacityBytes;
    const level = use > spoolPage ? 'page' : use > spoolDegraded ? 'degraded' : 'ok';
    return finding(
      `spool_${stream.signal}`,
      level,
      Number(use.toFixed(4)),
      spoolPage,
      `${stream.usedBytes} of ${stream.capacityBytes} bytes of the ${stream.signal} spool are used`,
    );
  }

  maintenance(): HealthReport {
    this.sample();
    const { config, lake } = this.deps;
    const state = lake.maintenance.state();
    const failures = state.consecutiveFailures;
    const age = seconds(this.clock() - this.#lastGoodCheckpoint);
    const limit = 3 * config.checkpointIntervalSecs;
    const enabled = config.ducklakeMaintenanceEnabled && !state.paused;
    return report([
      finding(
        'failures',
        failures >= 3 ? 'page' : failures > 0 ? 'degraded' : 'ok',
        failures,
        3,
        `${failures} maintenance runs in a row failed`,
      ),
      finding(
        'checkpoint_age',
        enabled && age > limit ? 'page' : 'ok',
        age,
        limit,
        `no CHECKPOINT has succeeded for ${age} s`,
      ),
      finding(
        'paused',
        state.paused ? 'degraded' : 'ok',
        String(state.paused),
        null,
        'maintenance is paused',
      ),
      finding(
        'clock',
        state.clock ? 'page' : 'ok',
        state.clock?.seconds ?? 0,
        config.clockToleranceSecs,
        `${state.clock?.reason ?? ''}: nothing is deleted by age; ${state.clock?.cure ?? ''}`,
      ),
      ...this.#backup(),
      finding(
        'retention',
        state.held ? 'page' : 'ok',
        state.held ? 'held' : 'ok',
        null,
        `${state.held?.reason ?? ''}; ${state.held?.how ?? ''}`,
      ),
    ]);
  }

  #backup(): Finding[] {
    const age = this.deps.catalogMaintenance?.backupAge() ?? null;
    if (age === null) return [];
    const { ageSeconds, limitSeconds } = age;
    const level = ageSeconds > limitSeconds ? 'page' : 'ok';
    const reason = `the newest good backup of the catalog is ${ageSeconds} s old, or there is none`;
    return [finding('backup_age', level, ageSeconds, limitSeconds, reason)];
  }

  queries(): HealthReport {
    const { queued, limits, running } = this.deps.guard;
    const full = queued >= limits.queueLength;
    return report([
      finding(
        'queue',
        full ? 'page' : queued > limits.queueLength / 2 ? 'degraded' : 'ok',
        queued,
        limits.queueLength,
        `${queued} queries wait for a place`,
      ),
      finding('running', 'ok', running, limits.concurrency, ''),
    ]);
  }
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
