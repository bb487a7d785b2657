/**
 * Preloaded into a server: SIGKILL to itself at a step of its takeover, which `DRILL_TAKEOVER_KILL` names. The steps
 * are told by the file operations that they consist of.
 */
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import type { TakeoverStep } from './takeover.js';

const step = process.env['DRILL_TAKEOVER_KILL'] as TakeoverStep | undefined;
const die = (): void => void process.kill(process.pid, 'SIGKILL');
const { linkSync, symlinkSync, renameSync } = fs;
const { copyFile, readdir, writeFile } = promises;

fs.linkSync = (from, to) => {
  linkSync(from, to);
  if (step === 'lease made' && /\.lease\.\d+$/.test(String(to))) die();
};
promises.copyFile = async (from, to, mode) => {
  if (step === 'half a copy' && /\.e\d+$/.test(String(to))) {
    const content = await promises.readFile(from);
    await writeFile(to, content.subarray(0, content.length / 2));
    die();
  }
  await copyFile(from, to, mode);
};
fs.symlinkSync = (target, path, type) => {
  if (step === 'copied') die();
  symlinkSync(target, path, type);
};
fs.renameSync = (from, to) => {
  const link = String(from).endsWith('.link.tmp');
  if (step === 'before the link' && link) die();
  renameSync(from, to);
  if (step === 'after the link' && link) die();
};
// The first look around after the lease says `held`.
promises.readdir = ((...args: Parameters<typeof readdir>) => {
  if (step === 'held' && String(args[0]).endsWith('catalog')) die();
  return readdir(...args);
}) as typeof readdir;
syncBuiltinESMExports();
