import { link, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../config/folders.js';
import { syncPath, writeAside, type FileData } from '../durable/index.js';

export interface KeepOptions {
  readonly folder: string;
  readonly maxBytes: number;
  /** Makes room beyond `maxBytes` by removing the oldest files; without it nothing is removed, and no more is taken from there on. */
  readonly onRemoved?: (name: string) => void;
}

/** The folder holds as much as it may, and what is in it is not to be removed. */
export class KeepFullError extends Error {
  constructor(folder: string, bytes: number, maxBytes: number) {
    super(`${folder} holds ${bytes} bytes and may hold ${maxBytes}`);
    this.name = 'KeepFullError';
  }
}

/**
 * A bounded folder of what was set aside (poison, damage): a data file, and `<file>.json` beside it that says what
 * it is. Both are durable once a call resolves, since the stream then moves on and frees its own copy.
 */
export class KeepFolder {
  constructor(private readonly options: KeepOptions) {}

  get maxBytes(): number {
    return this.options.maxBytes;
  }

  /** Of the files in it, their notes left out. */
  async bytes(): Promise<number> {
    return (await this.#files()).reduce((sum, file) => sum + file.bytes, 0);
  }

  /** Replaces a file of the same name. Throws KeepFullError. */
  async write(name: string, data: FileData, about: object): Promise<void> {
    const { folder, maxBytes, onRemoved } = this.options;
    await makeFolder(folder);
    if (!onRemoved) {
      const bytes = (await this.#files()).reduce(
        (sum, file) => sum + (file.name === name ? 0 : file.bytes),
        0,
      );
      if (bytes >= maxBytes) throw new KeepFullError(folder, bytes, maxBytes);
    }
    await writeAside(join(folder, name), data);
    await this.#finish(name, about);
  }

  /** Keeps a whole file by a second link, which takes no space; for when `write` finds the disk full. */
  async link(name: string, path: string, about: object): Promise<void> {
    const { folder } = this.options;
    await makeFolder(folder);
    await link(path, join(folder, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    // The link itself is what matters; on a full disk the note beside it may be missing.
    await this.#finish(name, about).catch(() => syncPath(folder));
  }

  async #finish(name: string, about: object): Promise<void> {
    await writeAside(join(this.options.folder, `${name}.json`), `${JSON.stringify(about, null, 2)}\n`);
    await syncPath(this.options.folder);
    await this.#prune(name);
  }

  async #files(): Promise<{ name: string; bytes: number; at: number }[]> {
    const { folder } = this.options;
    const files: { name: string; bytes: number; at: number }[] = [];
    for (const name of await readdir(folder)) {
      if (name.endsWith('.json') || name.endsWith('.tmp')) continue;
      // One that is given back meanwhile is gone.
      const info = await stat(join(folder, name)).catch(() => null);
      if (info) files.push({ name, bytes: info.size, at: info.mtimeMs });
    }
    return files;
  }

  async #prune(newest: string): Promise<void> {
    const { folder, maxBytes, onRemoved } = this.options;
    if (!onRemoved) return;
    const files = (await this.#files()).sort((a, b) => a.at - b.at);
    let total = files.reduce((sum, file) => sum + file.bytes, 0);
    for (const file of files) {
      if (total <= maxBytes) return;
      if (file.name === newest) continue;
      await rm(join(folder, file.name), { force: true });
      await rm(join(folder, `${file.name}.json`), { force: true });
      total -= file.bytes;
      onRemoved(file.name);
    }
  }
}
