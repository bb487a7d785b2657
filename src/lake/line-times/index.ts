import { firstLine } from '../../duckdb/index.js';
import { Counter, type Telemetry } from '../../telemetry/index.js';
import { columnName } from '../attribute-columns/index.js';
import { BackgroundQueue, type BackgroundHost } from '../background.js';
import { attributeId } from '../direct/contents.js';
import type { DirectFile } from '../direct/files.js';
import { rowsSql } from '../direct/rows.js';
import type { LiveFiles } from '../files/live-files.js';
import { isSorted } from '../maintenance/moved.js';
import type { LinesFile, LineTimesRequest, LineTimesView } from '../session.js';
import { HeldTimes, type Held } from './held.js';
import { loadTimes, type FileToTime } from './load.js';
import type { SharedTimes } from './unit.js';

/** Of all files and attributes together. */
const mostBytes = 128 * 1024 * 1024;
/** Files and attributes that are remembered, those that could not be kept included. */
const mostUnits = 20_000;
/** Where more than this part of the bytes is in files that are neither kept nor of commits, all of them are read. */
const mostBeside = 0.25;
/** Lines of files of commits, joined or not, which each thread keeps for itself: of one, and of all. */
const mostCommitted = 2_000_000;
const mostOfCommits = 64_000_000;

/** Later times have no place beside how many lines of a file have them. */
const latest = 4n * 10n ** 18n;

/** Of those that may be read straight and never change: what compaction has sorted is large, or soon in memory. */
function commitsOf(paths: readonly string[], { told }: LiveFiles): LinesFile[] {
  let place = mostOfCommits;
  return paths.flatMap((path) => {
    const file = told.get(path);
    if (file === undefined || file.first < 0n || file.last >= latest) return [];
    const lines = Number(file.rows);
    if (isSorted(path) || lines > mostCommitted || lines > place) return [];
    place -= lines;
    return [{ path, lines }];
  });
}

/** A file of the metadata cache, as of one snapshot. */
interface NumberedFile {
  readonly file: number;
  readonly first: bigint;
  readonly last: bigint;
}

interface Files {
  readonly live: LiveFiles;
  readonly known: (path: string) => NumberedFile | undefined;
  readonly direct: (path: string) => DirectFile | null;
}

/**
 * Keeps in memory at which times a compacted file has lines of each label set, and of each value of an attribute that somebody counts by, so
 * that lines are counted by time without reading them. A file is read for it once, in the background, after a question that could have used it.
 */
export class LineTimesCache {
  #generation = -1;
  readonly #held: HeldTimes;
  readonly #queue: BackgroundQueue<FileToTime, SharedTimes | null>;

  constructor(
    private readonly host: BackgroundHost,
    telemetry: Telemetry,
  ) {
    this.#held = new HeldTimes({ bytes: mostBytes, units: mostUnits }, telemetry, {
      name: 'canardstack_line_times_bytes',
      help: 'Times of log lines by label set that are kept in memory.',
    });
    const loads = new Counter({
      name: 'canardstack_line_times_loads_total',
      help: 'Files of logs that were read for the times of their lines; refused: too much, or an error.',
      labelNames: ['result'],
      registers: [telemetry.registry],
    });
    this.#queue = new BackgroundQueue<FileToTime, SharedTimes | null>({
      host,
      read: loadTimes,
      failed(error) {
        telemetry.log.debug({ err: firstLine(error) }, 'the times of a file could not be read');
        return null;
      },
      keep: (id, unit) => {
        loads.inc({ result: this.#held.put(id, unit) ? 'kept' : 'refused' });
      },
    });
  }

  /** As `ReadSession.lineTimes` tells, but for what numbers mean. */
  of(
    { from, until, key, noCommits = false }: LineTimesRequest,
    { live, known, direct }: Files,
  ): Omit<LineTimesView, 'epoch' | 'lastId'> | null {
    this.#renew();
    const [units, used]: [SharedTimes[], Held[]] = [[], []];
    const unread = new Map<string, number>();
    let kept = 0;
    // The newest are read first.
    for (const [path, bytes] of [...live.sizes].reverse()) {
      const file = live.touched.has(path) ? undefined : known(path);
      const times = file ?? live.told.get(path);
      if (times !== undefined && (times.last < from || times.first >= until)) continue;
      const held = file && this.#unit(path, file, direct, key);
      if (held?.unit) {
        units.push(held.unit);
        used.push(held);
        kept += bytes;
      } else {
        unread.set(path, bytes);
      }
    }
    const commits = commitsOf([...unread.keys()], live);
    if (units.length + commits.length === 0) return null;
    const apart = new Set(commits.map(({ path }) => path));
    const beside = [...unread].reduce((sum, [path, bytes]) => (apart.has(path) ? sum : sum + bytes), 0);
    if (beside > mostBeside * (kept + beside)) return null;
    const sizes = noCommits ? unread : new Map([...unread].filter(([path]) => !apart.has(path)));
    const skipped = [...live.sizes.keys()].filter((path) => !sizes.has(path));
    const rows = { table: 'logs', from, until, keys: key === undefined ? [] : [key] } as const;
    const isAll = sizes.size === 0 && live.inlined === 0;
    const rest = isAll ? null : rowsSql(rows, { ...live, sizes }, direct, { skipped })?.sql;
    if (rest === undefined) return null;
    for (const held of used) this.#held.used(held);
    return { units, commits: noCommits ? [] : commits, rest };
  }

  /** Resolves when every file that was asked for is read. */
  async settled(): Promise<void> {
    await this.#queue.settled();
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }

  #unit(
    path: string,
    { file, first, last }: NumberedFile,
    direct: (path: string) => DirectFile | null,
    key: string | undefined,
  ): Held | null {
    if (!isSorted(path)) return null;
    const attributes = direct(path)?.attributes;
    if (attributes === undefined) return null;
    const column = key === undefined ? null : attributes.get(attributeId('log_attributes', key));
    // Of a column of numbers the texts are not known.
    if (column === undefined || (column !== null && column.kind !== 'text')) return null;
    const name = column === null ? null : columnName(column);
    const id = `${file} ${name ?? ''}`;
    const held = this.#held.get(id);
    if (held === undefined) {
      if (this.#held.makeRoom(1)) this.#queue.add(id, { path, file, first, last, column: name });
      return null;
    }
    return held;
  }

  #renew(): void {
    if (this.#generation === this.host.generation) return;
    this.#held.clear();
    this.#generation = this.host.generation;
  }
}
