import type { DuckDBConnection } from '@duckdb/node-api';
import { inBackground, type BackgroundHost } from '../background.js';
import type { LiveFiles } from '../files/live-files.js';
import { total, type Kept } from './kept.js';
import { keyColumns, layoutOf, type MetadataKind } from './layout.js';
import { addFile, addStaged, Gone, keepOnly, TooMany } from './store.js';

/** Dead entries are not worth new tables before they are this many. */
const fewEntries = 20_000;
/** A file that tells its keys waits so many times as long: only who weighs them reads its rows. */
const toldWaits = 6;

/** Reads the files that queries asked for, in the background, and keeps what they have. */
export class Filling {
  #current: Kept | null = null;
  #number = 1;
  #working: Promise<void> | null = null;
  /** Until a file is old enough to be read. */
  #waiting: NodeJS.Timeout | null = null;
  readonly #closing = new AbortController();
  readonly #wanted = new Map<MetadataKind, readonly string[]>();
  /** One after the other, as label sets are numbered. */
  #adding: Promise<unknown> = Promise.resolve();

  /** `refused` is told why a file is not kept. */
  constructor(
    private readonly host: BackgroundHost,
    private readonly maxEntries: number,
    private readonly refused: (reason: 'error' | 'too_many', error: unknown) => void,
  ) {}

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Resolves when every file that was asked for is kept, or refused. */
  async settled(): Promise<void> {
    while (this.#working) await this.#working;
  }

  async close(): Promise<void> {
    this.#wanted.clear();
    this.#closing.abort();
    if (this.#waiting) clearTimeout(this.#waiting);
    await this.#working;
  }

  /** `files` are what a query was about. */
  want(kept: Kept, kind: MetadataKind, { sizes, touched, told }: LiveFiles): void {
    const paths = [...sizes.keys()];
    this.#wanted.set(
      kind,
      paths.filter((path) => !touched.has(path)),
    );
    kept.fresh.get(kind)?.note(paths, told);
    const refused = kept.refused.get(kind);
    for (const path of refused ?? []) if (!sizes.has(path)) refused?.delete(path);
    this.#current = kept;
    this.#start(kept);
  }

  /** Begins to read, or waits for the file that is old enough next. */
  #start(kept: Kept): void {
    if (this.#working || this.#closing.signal.aborted) return;
    const next = this.#next(kept);
    if (next === null) return;
    if (next.waitMs > 0) {
      // Another file may be old enough sooner than the one that is waited for.
      if (this.#waiting) clearTimeout(this.#waiting);
      this.#waiting = setTimeout(() => {
        this.#waiting = null;
        if (this.#current) this.#start(this.#current);
      }, next.waitMs).unref();
      return;
    }
    this.#working = this.#work(kept).then(
      () => {
        this.#working = null;
        this.#start(kept);
      },
      (error: unknown) => {
        this.#working = null;
        this.refused('error', error);
      },
    );
  }

  /** Reads the files that queries asked for, newest first. */
  #work(kept: Kept): Promise<void> {
    return inBackground(
      this.host,
      this.#closing.signal,
      () => {
        const next = this.#next(kept);
        return next?.waitMs === 0 ? next : null;
      },
      (connection, { kind, path }) => this.#add(kept, connection, kind, path),
    );
  }

  /** The newest file of those that need not wait, else how long the one that is due next has to. */
  #next(kept: Kept): { kind: MetadataKind; path: string; waitMs: number } | null {
    if (kept !== this.#current || kept.generation !== this.host.generation) return null;
    let next: { kind: MetadataKind; path: string; waitMs: number } | null = null;
    for (const [kind, paths] of this.#wanted) {
      const [files, refused, fresh] = [kept.files.get(kind), kept.refused.get(kind), kept.fresh.get(kind)];
      const keys = keyColumns(kind).length > 0;
      for (const path of paths.toReversed()) {
        if (files?.has(path) || refused?.has(path)) continue;
        const waitMs = fresh?.waits(path, keys && kept.told.get(path) ? toldWaits : 1) ?? 0;
        if (next === null || waitMs < next.waitMs) next = { kind, path, waitMs };
        if (waitMs === 0) return next;
      }
    }
    return next;
  }

  /** Keeps what the digests of files of a kind tell, the first of them that there is place for. Rejects where it can't be had. */
  async learn(
    kept: Kept,
    connection: DuckDBConnection,
    kind: MetadataKind,
    snapshot: bigint,
    digests: readonly { readonly path: string; readonly entries: number; readonly stage: string }[],
  ): Promise<void> {
    await this.#alone(async () => {
      let place = this.maxEntries - total(kept);
      const files = kept.files.get(kind);
      const fitting = digests.filter(({ path, entries }) => !files?.has(path) && (place -= entries) >= 0);
      if (fitting.length === 0 || kept.generation !== this.host.generation) return;
      const numbered = fitting.map((digest) => ({ ...digest, file: this.#number++ }));
      const lastId = kept.lastIds.get(kind) ?? 0;
      const entries = numbered.reduce((sum, digest) => sum + digest.entries, 0);
      const times = await addStaged(connection, { kind, lastId, snapshot }, numbered);
      kept.lastIds.set(kind, lastId + entries);
      if (snapshot < (kept.validFrom.get(layoutOf(kind).table) ?? 0n)) return;
      for (const { path, file, entries } of numbered) {
        const range = times.get(file);
        if (range) files?.set(path, { file, entries, ...range });
        kept.lastFile = file;
      }
      kept.entries.set(kind, (kept.entries.get(kind) ?? 0) + entries);
    });
  }

  async #alone(work: () => Promise<void>): Promise<void> {
    const adding = this.#adding.then(work);
    this.#adding = adding.catch(() => undefined);
    await adding;
  }

  #add(kept: Kept, connection: DuckDBConnection, kind: MetadataKind, path: string): Promise<void> {
    return this.#alone(() => this.#read(kept, connection, kind, path));
  }

  async #read(kept: Kept, connection: DuckDBConnection, kind: MetadataKind, path: string): Promise<void> {
    if (kept.files.get(kind)?.has(path)) return;
    const file = this.#number++;
    const files = kept.files.get(kind);
    const refused = kept.refused.get(kind);
    try {
      await this.#clear(kept, connection, kind);
      const lastId = kept.lastIds.get(kind) ?? 0;
      const most = this.maxEntries - total(kept);
      const { snapshot, ...added } = await addFile(connection, { kind, path, file, lastId }, most);
      kept.lastIds.set(kind, lastId + added.entries);
      // Rows were deleted meanwhile: it is read once more.
      if (snapshot < (kept.validFrom.get(layoutOf(kind).table) ?? 0n)) return;
      files?.set(path, { file, ...added });
      kept.lastFile = file;
      kept.entries.set(kind, (kept.entries.get(kind) ?? 0) + added.entries);
    } catch (error) {
      refused?.add(path);
      if (error instanceof Gone) return;
      if (error instanceof TooMany) this.refused('too_many', error);
      else this.refused('error', error);
    }
  }

  /** Takes the place of files that are gone from the table, once it is worth it. */
  async #clear(kept: Kept, connection: DuckDBConnection, kind: MetadataKind): Promise<void> {
    const files = kept.files.get(kind);
    const wanted = new Set(this.#wanted.get(kind));
    const live = [...(files ?? [])].filter(([path]) => wanted.has(path));
    const alive = live.reduce((sum, [, { entries }]) => sum + entries, 0);
    const dead = (kept.entries.get(kind) ?? 0) - alive;
    if (dead < fewEntries || dead < alive) return;
    for (const path of files?.keys() ?? []) if (!wanted.has(path)) files?.delete(path);
    await keepOnly(
      connection,
      kind,
      live.map(([, { file }]) => file),
    );
    kept.entries.set(kind, alive);
  }
}
