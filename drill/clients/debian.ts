import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where packages were unpacked; nothing of the machine is changed. */
export interface Unpacked {
  readonly folder: string;
  /** With their libraries. */
  readonly env: NodeJS.ProcessEnv;
}

/** Takes packages from the repositories that APT of this machine knows, and unpacks them into `folder` once. */
export async function debianPackages(folder: string, packages: readonly string[]): Promise<Unpacked> {
  if (!existsSync(folder)) {
    const unpacked = `${folder}.new`;
    await rm(unpacked, { recursive: true, force: true });
    await mkdir(unpacked, { recursive: true });
    await run('apt-get', ['download', ...packages], { cwd: unpacked });
    for (const file of await readdir(unpacked)) {
      await run('dpkg', ['-x', file, '.'], { cwd: unpacked });
      await rm(join(unpacked, file));
    }
    await rename(unpacked, folder);
  }
  const { stdout } = await run('dpkg-architecture', ['-qDEB_HOST_MULTIARCH']).catch(() => ({
    stdout: 'x86_64-linux-gnu',
  }));
  const libraries = [`usr/lib/${stdout.trim()}`, `lib/${stdout.trim()}`, 'usr/lib/syslog-ng'];
  const path = libraries.map((library) => join(folder, library)).join(':');
  return { folder, env: { ...process.env, LD_LIBRARY_PATH: path } };
}
