import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ConfigError } from './errors.js';

/** What is wrong with a path, and not with the machine. */
const reasons: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
  ['EROFS', 'the file system is read-only'],
  ['ENOTDIR', 'it, or a part of its path, is a file'],
  ['EEXIST', 'a symbolic link in its path leads nowhere'],
  ['ELOOP', 'the symbolic links in its path lead in a circle'],
  ['ENAMETOOLONG', 'its name is too long'],
  ['ENOENT', 'no folder can be made there'],
]);

/**
 * Makes a folder and those above it that are missing. Node's own recursive mkdir never ends on a file system that takes no
 * folders (/proc). Gives the first that was made. Rejects with the error of the file system; EEXIST stands for a symbolic
 * link that leads nowhere.
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  const missing: string[] = [];
  for (let at = resolve(path); !(await isFolder(at)); at = dirname(at)) missing.unshift(at);
  for (const each of missing) {
    await mkdir(each).catch(async (error: NodeJS.ErrnoException) => {
      // Somebody else has made it meanwhile.
      if (error.code === 'EEXIST' && (await isFolder(each))) return;
      throw error;
    });
  }
  return missing[0];
}

/**
 * Makes the folder that a setting names, unless it is there. Throws ConfigError, with the setting's name, when it can't be used;
 * another error when that is the machine's fault (a full disk).
 */
export async function settingFolder(
  setting: string,
  path: string,
  use: 'read' | 'write' = 'write',
): Promise<void> {
  const { R_OK, W_OK, X_OK } = constants;
  try {
    await makeFolder(path);
    await access(path, R_OK | X_OK | (use === 'write' ? W_OK : 0));
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const shown = JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
    const reason = reasons.get(code);
    const said = `${setting}: the folder ${shown} can't be used: ${reason ?? message}`;
    throw reason === undefined ? new Error(said, { cause: error }) : new ConfigError([said]);
  }
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (found?.isDirectory() === false)
    throw Object.assign(new Error(`${path} is no folder`), { code: 'ENOTDIR' });
  return found !== null;
}
