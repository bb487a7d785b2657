import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { signals } from '../schema/index.js';
import { openSpool } from '../spool/index.js';
import type { Telemetry } from '../telemetry/index.js';
import type { DataFile } from './data-files.js';
import { exists } from './staging.js';

/**
 * What this node's data folder still knows of commits: the records that its spool holds, and the files of which it
 * was not known whether their commit happened when the process ended.
 */
export class SpoolStreams {
  private constructor(
    /** Oldest position that is still there, by stream. */
    readonly tails: ReadonlyMap<string, number>,
    /** End of what was acknowledged, by stream. */
    readonly heads: ReadonlyMap<string, number>,
    private readonly noted: ReadonlySet<string>,
  ) {}

  static readonly none = new SpoolStreams(new Map(), new Map(), new Set());

  /** Of the data folder; the server that owns it must be stopped. Rejects with SpoolOpenError. */
  static async open(
    config: {
      readonly dataDir: string;
      readonly rawSpoolCapacityBytes: number;
      readonly rawSpoolSegmentBytes: number;
      readonly rawSpoolGroupCommitMs: number;
    },
    telemetry: Telemetry,
  ): Promise<SpoolStreams> {
    const dir = join(resolve(config.dataDir), 'spool');
    if (!(await exists(join(dir, 'node-id')))) return SpoolStreams.none;
    const spool = await openSpool({
      dir,
      capacityBytes: config.rawSpoolCapacityBytes,
      segmentBytes: config.rawSpoolSegmentBytes,
      groupCommitMs: config.rawSpoolGroupCommitMs,
      telemetry,
    });
    try {
      const streams = signals.map((signal) => spool.stream(signal));
      return new SpoolStreams(
        new Map(streams.map(({ id, tail }) => [id, tail])),
        new Map(streams.map(({ id, head }) => [id, head])),
        await notedFiles(join(resolve(config.dataDir), 'pending-files')),
      );
    } finally {
      await spool.close();
    }
  }

  /** True when nobody saw the end of the commit that the file was written for. */
  isNoted({ path }: Pick<DataFile, 'path'>): boolean {
    return this.noted.has(path);
  }

  /**
   * True when the commit that the file was written for may not have happened and nothing came after it: the spool is
   * freed only after a commit, so it then has all of the records, those for other tables included.
   */
  brings(file: Pick<DataFile, 'path' | 'facts'>, committed: ReadonlyMap<string, number>): boolean {
    const { streams } = file.facts;
    if (!this.isNoted(file) || streams === null || streams.length === 0) return false;
    return streams.every(({ stream, from, to }) => {
      if (from === to) return true;
      const tail = this.tails.get(stream);
      return tail !== undefined && tail <= from && (committed.get(stream) ?? 0) <= from;
    });
  }
}

async function notedFiles(folder: string): Promise<Set<string>> {
  const names = await readdir(folder).catch(() => []);
  const noted = new Set<string>();
  for (const name of names) {
    try {
      const { target } = JSON.parse(await readFile(join(folder, name), 'utf8')) as { target?: unknown };
      if (typeof target === 'string') noted.add(target);
    } catch {
      // Torn: its file was not begun.
    }
  }
  return noted;
}
