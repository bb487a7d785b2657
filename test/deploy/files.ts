import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { settingDef, settingNames } from '../../src/config/index.js';

export const run = promisify(execFile);

/** Paths of the files below deploy/, relative to the checkout. */
export function deployFiles(): string[] {
  return readdirSync('deploy', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

export function text(path: string): string {
  return readFileSync(path, 'utf8');
}

/** The environment that the image sets. */
export const imageEnv: Readonly<Record<string, string>> = Object.fromEntries(
  [...text('deploy/docker/Dockerfile').matchAll(/^\s*(?:ENV )?((?:CANARDSTACK|NODE)_[A-Z_]+)=(\S+)/gm)].map(
    ([, name = '', value = '']) => [name, value],
  ),
);

/** A program of the set-up, or on the PATH of this machine; undefined when it is not there. */
export function tool(name: 'compose_spec' | 'helm' | 'hadolint' | 'kubernetes-validate'): string | undefined {
  const venv = process.env['PYTHON_VENV'] || '.cache/venv';
  const path =
    name === 'hadolint' || name === 'kubernetes-validate'
      ? join(venv, 'bin', name)
      : process.env[name.toUpperCase()] || join('.cache/bin', name);
  return existsSync(path) ? path : undefined;
}

/** The reason to skip, or false. On CI nothing of the set-up may be missing, so there the test runs and fails. */
export function skipWithout(present: unknown, name: string): string | false {
  if (present !== undefined || process.env['CI'] === 'true') return false;
  return `${name} is not installed; "./run test" sets it up`;
}

export function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, program)));
}

/** Settings that are secret, by environment name. */
export const secretSettings: readonly string[] = settingNames
  .map(settingDef)
  .filter(({ secret }) => secret)
  .map(({ env }) => `CANARDSTACK_${env}`);

/** Environment names whose values must come from a secret store. The address of a catalog server holds no secret. */
export const secretEnv: readonly string[] = [
  ...secretSettings.filter((name) => name !== 'CANARDSTACK_DUCKLAKE_ATTACH_URI'),
  'AWS_SECRET_ACCESS_KEY',
  'AWS_ACCESS_KEY_ID',
  'AWS_SESSION_TOKEN',
];
