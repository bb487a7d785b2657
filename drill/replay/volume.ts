import { chown, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mountFolder, type Mount } from '../fence/mounts.js';

const user = 10_001;

/** The catalog's file system: a folder, and mounts of it that know nothing of each other's locks. */
export class SharedVolume {
  readonly #mounts: Mount[] = [];

  private constructor(
    private readonly backing: string,
    private readonly folder: string,
  ) {}

  static async make(folder: string): Promise<SharedVolume> {
    const backing = join(folder, 'shared-volume');
    await mkdir(backing);
    await chown(backing, user, user);
    return new SharedVolume(backing, folder);
  }

  /** Another host's mount of it. */
  async mount(): Promise<Mount> {
    const mounted = await mountFolder(this.backing, join(this.folder, `mount-${this.#mounts.length + 1}`));
    this.#mounts.push(mounted);
    return mounted;
  }

  async unmount(): Promise<void> {
    for (const each of this.#mounts) await each.unmount();
  }
}

/** A volume that goes with its task. */
export async function ownVolume(
  folder: string,
  task: string,
): Promise<{ at: string; remove(): Promise<void> }> {
  const at = join(folder, `${task}-volume`);
  await mkdir(at);
  await chown(at, user, user);
  return { at, remove: () => rm(at, { recursive: true, force: true }) };
}
