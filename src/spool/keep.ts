import { link, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../config/folders.js';
import { syncFolder } from './segment.js';

export interface KeepOptions {
  readonly folder: string;
  /** Oldest files are removed beyond this many bytes. */
  readonly maxBytes: number;
  readonly onRemoved: (name: string) => void;
}

/**
 * A bounded folder of what was set aside (poison, damage): a data file, and `<file>.json` beside it that says what
 * it is. Both are durable once a call resolves, since the stream then moves on and frees its own copy.
 */
export class KeepFolder {
  constructor(private readonly options: KeepOptions) {}

  /** Replaces a file of the same name. */
  async write(
    name: string,
    data: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    about: object,
  ): Promise<void> {
    const { folder } = this.options;
    await makeFolder(folder);
    await this.#file(name, data);
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
    await this.#finish(name, about).catch(() => syncFolder(folder));
  }

  async #finish(name: string, about: object): Promise<void> {
    await this.#file(`${name}.json`, [Buffer.from(`${JSON.stringify(about, null, 2)}\n`)]);
    await syncFolder(this.options.folder);
    await this.#prune(name);
  }

  async #file(name: string, data: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    const path = join(this.options.folder, name);
    const temporary = `${path}.tmp`;
    try {
      const handle = await open(temporary, 'w', 0o640);
      try {
        await writeFile(handle, data);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  async #prune(newest: string): Promise<void> {
    const { folder, maxBytes, onRemoved } = this.options;
    const files: { name: string; bytes: number; at: number }[] = [];
    for (const name of await readdir(folder)) {
      if (name.endsWith('.json')) continue;
      const info = await stat(join(folder, name));
      files.push({ name, bytes: info.size, at: info.mtimeMs });
    }
    files.sort((a, b) => a.at - b.at);
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
