import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resolveConfig, settingDef, settingNames } from '../../src/config/index.js';
import { deployFiles, text } from './files.js';

const known = new Set(settingNames.map((name) => `CANARDSTACK_${settingDef(name).env}`));
/** A build argument, and what stands for any of them. */
const others = new Set(['CANARDSTACK_UID', 'CANARDSTACK_NAME']);

/** Names of settings in a text; `CANARDSTACK_GCS_*` and the like stand for a group. */
function namesIn(content: string): string[] {
  return [...content.matchAll(/CANARDSTACK_[A-Z0-9_]*[A-Z0-9](?!\*|_\*)/g)].map(([name]) => name);
}

describe('environment names in deploy/', () => {
  const files = deployFiles().filter((file) => !file.startsWith('deploy/aws/'));

  it('are all settings', () => {
    const seen = new Set<string>();
    const unknown: string[] = [];
    for (const file of files) {
      for (const name of namesIn(text(file))) {
        seen.add(name);
        if (!known.has(name) && !others.has(name)) unknown.push(`${file}: ${name}`);
      }
    }
    assert.ok(seen.size > 15, [...seen].join(' '));
    assert.deepEqual(unknown, []);
  });

  it('have valid values in the image and in the unit', () => {
    const values = (content: string) =>
      Object.fromEntries(
        [...content.matchAll(/^\s*(?:ENV |Environment=)?(CANARDSTACK_[A-Z_0-9]+)=(\S+)/gm)].map(
          ([, name = '', value = '']) => [name, value],
        ),
      );
    for (const file of [
      'deploy/docker/Dockerfile',
      'deploy/systemd/canardstack.service',
      'deploy/systemd/canardstack.env.example',
    ]) {
      const env = values(text(file));
      delete env['CANARDSTACK_UID'];
      assert.ok(Object.keys(env).length > 0, file);
      assert.deepEqual(resolveConfig({ env }).warnings, [], file);
    }
  });
});
