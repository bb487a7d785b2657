import { Counter, Gauge, type Telemetry } from '../../telemetry/index.js';
import type { KnownFile } from './known-files.js';

/**
 * `missing`: not there; `size`: longer or shorter than the catalog says; `checksum`: other bytes than were written;
 * `unreadable`: no whole Parquet file, and no checksum is known.
 */
const fileProblems = ['missing', 'size', 'checksum', 'unreadable'] as const;
export type FileProblem = (typeof fileProblems)[number];

/** A file of the lake that can't be answered from. */
export interface DamagedFile {
  /** Relative to the data path; absolute when the file lies elsewhere. */
  readonly key: string;
  readonly kind: 'data' | 'delete';
  readonly table: string;
  readonly problem: FileProblem;
  readonly expectedBytes: number | null;
  readonly foundBytes: number | null;
}

export function damagedFile(
  { key, kind, table, size }: KnownFile,
  problem: FileProblem,
  foundBytes: number | null,
): DamagedFile {
  const of = kind === 'delete' ? 'delete' : 'data';
  return { key, kind: of, table, problem, expectedBytes: size, foundBytes };
}

/** What a person can do, for messages. */
export const damageCure =
  'bring it back from the versions or a copy of its store, or give its rows up with "canardstack catalog forget-file"';

const words: Readonly<Record<FileProblem, string>> = {
  missing: 'is missing',
  size: 'has a wrong size',
  checksum: 'has other bytes than were written',
  unreadable: 'is no whole Parquet file',
};

export function damageText({ key, problem }: DamagedFile): string {
  return `${key} ${words[problem]}`;
}

/** The key of the file below the data path that a message of DuckDB names; null when it names none. */
export function keyNamedIn(message: string): string | null {
  const named = /\bmain\/[a-z_]+\/[^\s"']*?[^\s"'/]+\.parquet/.exec(message.replaceAll('%3D', '='));
  return named?.[0] ?? null;
}

/** The damaged files that this process knows of. Each is logged and counted once. */
export class DamagedFiles {
  readonly #files = new Map<string, DamagedFile>();
  readonly #found: Counter<'problem'>;

  constructor(private readonly telemetry: Telemetry) {
    const registers = [telemetry.registry];
    const files = this.#files;
    this.#found = new Counter({
      name: 'canardstack_lake_damaged_files_total',
      help: 'Files of the lake that were found missing or damaged.',
      labelNames: ['problem'],
      registers,
    });
    new Gauge({
      name: 'canardstack_lake_damaged_files',
      help: 'Files of the lake that are known to be missing or damaged.',
      labelNames: ['problem'],
      registers,
      collect() {
        const all = [...files.values()];
        for (const problem of fileProblems) {
          this.set({ problem }, all.filter((file) => file.problem === problem).length);
        }
      },
    });
    for (const problem of fileProblems) this.#found.inc({ problem }, 0);
  }

  get all(): readonly DamagedFile[] {
    return [...this.#files.values()];
  }

  get(key: string): DamagedFile | undefined {
    return this.#files.get(key);
  }

  note(file: DamagedFile): void {
    const known = this.#files.get(file.key);
    this.#files.set(file.key, file);
    if (known?.problem === file.problem) return;
    this.#found.inc({ problem: file.problem });
    const { key, table, problem, expectedBytes, foundBytes } = file;
    this.telemetry.log.error(
      { file: key, table, problem, expectedBytes, foundBytes, cure: damageCure },
      'a file of the lake is damaged: queries that need it fail',
    );
  }

  /** It is whole again, or the lake's no more. */
  clear(key: string, why: 'whole' | 'gone'): void {
    if (!this.#files.delete(key)) return;
    const message =
      why === 'whole' ? 'a damaged file is whole again' : 'a damaged file is no longer of the lake';
    this.telemetry.log.info({ file: key }, message);
  }
}
