import { isOutOfMemory, isOwnFatal } from '../duckdb/index.js';
import type { Lake } from '../lake/types.js';
import type { Attempt, Attempts, Suspect } from '../spool/attempts.js';
import type { SpoolEntry, SpoolRange } from '../spool/types.js';
import type { Faults } from '../faults/index.js';
import type { Telemetry } from '../telemetry/index.js';
import type { StreamBacklog } from './backlog.js';

/**
 * Pieces into which a stretch is cut. Few, so that after any other death (an operator's kill, a lost host) the server is
 * soon through with them: a record is set aside only when it was alone in hand at the second death.
 */
const pieces = 8;
/** At which a record is set aside. */
const deadlyDeaths = 2;
/** Times that a record alone may be too large for DuckDB's memory. Others may have taken it, so more than twice. */
const memoryAttempts = 6;

export interface Piece extends SpoolRange {
  readonly backlog: StreamBacklog;
  /** Its record is set aside: the watermark passes over it. */
  readonly setAside: boolean;
}

export interface CarefulOptions {
  readonly attempts: Attempts;
  readonly backlogs: readonly StreamBacklog[];
  readonly lake: Pick<Lake, 'watermarks'>;
  readonly telemetry: Telemetry;
  readonly faults?: Faults;
}

/**
 * Notes what is in hand, and takes the stretches at which the process or its database died in pieces, each in a commit of
 * its own, so that one record that kills is found and set aside, and what lies behind it goes on.
 */
export class Careful {
  #prepared = false;
  #memory = { key: '', failures: 0 };

  constructor(private readonly options: CarefulOptions) {}

  /** The next piece of a stream whose next records are suspect; null when there is none. */
  next(): Piece | null {
    for (const suspect of this.options.attempts.suspects) {
      const backlog = this.#backlogOf(suspect);
      if (!backlog || suspect.end <= backlog.committed) continue;
      if (suspect.start > backlog.committed) continue;
      return {
        backlog,
        start: backlog.committed,
        end: suspect.end,
        setAside: suspect.setAside === true,
      };
    }
    return null;
  }

  /** Where the next suspect of a stream begins: other records are taken up to there. */
  limit(backlog: StreamBacklog): number {
    const { suspects } = this.options.attempts;
    const next = suspects.find((s) => s.stream === backlog.stream.id && s.start >= backlog.committed);
    return next?.start ?? Infinity;
  }

  /** Notes records as being in hand. */
  async begin(inHand: readonly Attempt[]): Promise<void> {
    await this.options.attempts.begin(inHand);
    this.options.faults?.('seal.attempt', inHand);
  }

  /** Also the stretch [start, end) of a stream, which follows what is noted of it. */
  async add(attempt: Attempt): Promise<void> {
    const { inHand } = this.options.attempts;
    const before = inHand.find((each) => each.stream === attempt.stream);
    const start = Math.min(before?.start ?? attempt.start, attempt.start);
    await this.begin([...inHand.filter((each) => each !== before), { ...attempt, start }]);
  }

  /** All that was in hand is done with, whether or not it was committed. */
  async end(): Promise<void> {
    const { attempts } = this.options;
    await attempts.end();
    const left = attempts.suspects.filter((s) => s.end > (this.#backlogOf(s)?.committed ?? Infinity));
    if (left.length === 0 && attempts.suspects.length > 0) {
      await this.#note([]);
      this.options.telemetry.log.info('the records at which the process or its database died are done with');
    }
  }

  /** A commit failed with `error`: looks whether that was of what is in hand. */
  failed(error: unknown): void {
    const { attempts, telemetry } = this.options;
    const fatal = isOwnFatal(error);
    if (!fatal && !isOutOfMemory(error)) return;
    if (!fatal && !this.#tooLarge()) return;
    telemetry.log.error(
      { inHand: attempts.inHand },
      fatal ? 'the database died of a commit' : 'a commit needs more memory than DuckDB may have',
    );
    attempts.databaseDied();
    this.#prepared = false;
  }

  /** Several records are cut into pieces at once; one alone gets some more chances. */
  #tooLarge(): boolean {
    const key = JSON.stringify(this.options.attempts.inHand);
    this.#memory = { key, failures: this.#memory.key === key ? this.#memory.failures + 1 : 1 };
    return this.#memory.failures === 1 || this.#memory.failures >= memoryAttempts;
  }

  /**
   * Cuts the suspects into pieces and sets those aside that died too often, after a look at the watermarks. A record
   * that can't be kept stays a suspect, and the call rejects.
   */
  async prepare(): Promise<void> {
    const { attempts, lake } = this.options;
    if (this.#prepared) return;
    if (attempts.suspects.length > 0) {
      const watermarks = await lake.watermarks();
      const next: Suspect[] = [];
      let last = false;
      for (const suspect of attempts.suspects) {
        const backlog = this.#backlogOf(suspect);
        if (!backlog) continue;
        const committed = Math.max(backlog.committed, watermarks.get(suspect.stream) ?? 0);
        const cut = { ...suspect, start: Math.max(suspect.start, committed) };
        cut.end = Math.min(cut.end, backlog.stream.head);
        if (cut.end <= cut.start) continue;
        next.push(...(cut.setAside ? [cut] : await this.#pieces(backlog, cut)));
        last ||= next.at(-1)?.setAside === true;
      }
      await this.#note(next, last);
    }
    this.#prepared = true;
  }

  async #pieces(backlog: StreamBacklog, suspect: Suspect): Promise<Suspect[]> {
    const starts: number[] = [];
    let only: SpoolEntry | null = null;
    for await (const entry of backlog.stream.read(suspect.start)) {
      if (entry.start >= suspect.end) break;
      starts.push(entry.start);
      only = entry;
    }
    if (starts.length === 0 || only === null) return [];
    if (starts.length > 1) {
      const each = Math.ceil(starts.length / pieces);
      const cuts = starts.filter((_, i) => i % each === 0);
      return cuts.map((start, i) => {
        const end = cuts[i + 1] ?? suspect.end;
        return { ...suspect, start: i === 0 ? suspect.start : start, end, whole: false };
      });
    }
    if (suspect.deaths < deadlyDeaths || !suspect.whole) return [suspect];
    const reason = `the process or its database died ${suspect.deaths} times with it in hand`;
    await backlog.stream.setAside(only, { reason, deaths: suspect.deaths });
    this.options.faults?.('spool.set_aside');
    this.options.telemetry.log.error(
      { stream: suspect.stream, position: only.start, bytes: only.end - only.start, deaths: suspect.deaths },
      'a spooled record at which the process died again and again is set aside: "canardstack spool list" shows it',
    );
    return [{ ...suspect, setAside: true }];
  }

  /** `needed`: the note must be written, or the record would be set aside again. */
  async #note(suspects: readonly Suspect[], needed = false): Promise<void> {
    const { attempts, telemetry } = this.options;
    try {
      await attempts.suspect(suspects);
    } catch (error) {
      if (needed) throw error;
      telemetry.log.warn({ err: error }, 'suspected records could not be noted');
    }
  }

  #backlogOf(suspect: Attempt): StreamBacklog | undefined {
    return this.options.backlogs.find((backlog) => backlog.stream.id === suspect.stream);
  }
}
