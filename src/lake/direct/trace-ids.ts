import type { DuckDBConnection } from '@duckdb/node-api';
import { firstLine } from '../../duckdb/index.js';
import type { Telemetry } from '../../telemetry/index.js';
import { BackgroundQueue, type BackgroundHost } from '../background.js';
import { fileSql } from './contents.js';
import { firstAtLeast } from './first-at-least.js';

/** Of all files together, 4 bytes each. */
const mostIds = 16_000_000;

interface Finder {
  readonly known: boolean;
  readonly mayHold: (path: string) => boolean;
}

/** The end of an id, which is random where its beginning is a time. */
const digestLength = 8;
const digestSql = `('0x' || right(trace_id, ${digestLength}))::UINTEGER`;

/**
 * Which trace ids each data file of spans has, by the last 32 bits of each, sorted: an id that is in no file costs no look into any of them, as
 * those of commits have no Bloom filters, and looking up one in each row group takes longer than to read the spans. A file is read for it
 * once, in the background, from that column alone, once somebody has asked for a trace.
 */
export class TraceIds {
  #generation = -1;
  /** By path; null: they can't be had, or are too many. */
  readonly #known = new Map<string, Uint32Array | null>();
  #ids = 0;
  readonly #queue: BackgroundQueue<string, Uint32Array | null>;

  constructor(
    private readonly host: BackgroundHost,
    telemetry: Telemetry,
  ) {
    this.#queue = new BackgroundQueue<string, Uint32Array | null>({
      host,
      read: (connection, path) => (this.full ? Promise.resolve(null) : traceIdsOf(connection, path)),
      failed(error) {
        telemetry.log.debug({ err: firstLine(error) }, 'the trace ids of a file could not be read');
        return null;
      },
      keep: (path, ids) => {
        if (this.#known.has(path)) return;
        this.#known.set(path, ids);
        this.#ids += ids?.length ?? 0;
      },
    });
  }

  /**
   * Tells of a file whether it may have a trace, and whether that is known of all. `live`: all files there are now, in the order of
   * their commits.
   */
  finder(traceId: string, live: ReadonlyMap<string, unknown>): Finder {
    this.#renew();
    this.#keep(live);
    let known = true;
    for (const path of [...live.keys()].reverse()) {
      const ids = this.#known.get(path);
      if (ids === undefined) this.#queue.add(path, path);
      known &&= Boolean(ids);
    }
    const digest = parseInt(traceId.slice(-digestLength), 16);
    const mayHold = (path: string) => {
      const ids = this.#known.get(path);
      return !ids || includes(ids, digest);
    };
    return { known, mayHold };
  }

  /** No more are kept. */
  get full(): boolean {
    this.#renew();
    return this.#ids >= mostIds;
  }

  /** Of a file of which its digest tells. */
  learn(path: string, ids: Uint32Array): void {
    this.#renew();
    if (this.#known.has(path) || this.full) return;
    this.#known.set(path, ids);
    this.#ids += ids.length;
  }

  #renew(): void {
    if (this.#generation === this.host.generation) return;
    this.#known.clear();
    this.#ids = 0;
    this.#generation = this.host.generation;
  }

  /** Resolves when every file that was asked for is known. */
  async settled(): Promise<void> {
    await this.#queue.settled();
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }

  /** Forgets files that are gone. */
  #keep(live: ReadonlyMap<string, unknown>): void {
    if (this.#known.size <= live.size) return;
    for (const [path, ids] of this.#known) {
      if (live.has(path)) continue;
      this.#known.delete(path);
      this.#ids -= ids?.length ?? 0;
    }
  }
}

/** Of a file, as they are kept. */
export async function traceIdsOf(connection: DuckDBConnection, path: string): Promise<Uint32Array> {
  const reader = await connection.runAndReadAll(
    `SELECT DISTINCT ${digestSql} AS id FROM ${fileSql(path)} WHERE trace_id IS NOT NULL`,
  );
  return Uint32Array.from((reader.getColumns()[0] ?? []) as number[]).sort();
}

function includes(sorted: Uint32Array, wanted: number): boolean {
  return sorted[firstAtLeast(sorted, wanted)] === wanted;
}
