import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { settings } from '../../src/config/index.js';
import { onPath, run, text } from './files.js';

const unit = text('deploy/systemd/canardstack.service');
const value = (key: string, from = unit) => new RegExp(`^${key}=(.*)$`, 'm').exec(from)?.[1];
const skip = onPath('systemd-analyze') ? false : 'systemd-analyze is not on the PATH';

describe('the systemd unit', () => {
  it('runs as a user of its own and may write to its state folder alone', () => {
    assert.equal(value('User'), 'canardstack');
    assert.match(text('deploy/systemd/canardstack.sysusers'), /^u canardstack /m);
    assert.equal(value('ProtectSystem'), 'strict');
    assert.equal(value('StateDirectory'), 'canardstack');
    assert.match(unit, /^Environment=CANARDSTACK_DATA_DIR=\/var\/lib\/canardstack$/m);
    assert.equal(value('ReadWritePaths'), undefined);
    assert.equal(value('CapabilityBoundingSet'), '');
    assert.equal(value('NoNewPrivileges'), 'yes');
  });

  it('waits for the drain before it kills, and does not start again what is configured wrongly', () => {
    const drainSecs = settings.shutdownTimeoutMs.default / 1000;
    assert.ok(Number(value('TimeoutStopSec')) > drainSecs);
    assert.equal(value('RestartPreventExitStatus'), '2');
  });

  it('holds no secret', () => {
    assert.doesNotMatch(unit, /^Environment=.*(KEY|TOKEN|SECRET|DSN)=/m);
    assert.match(value('EnvironmentFile') ?? '', /^-\/etc\/canardstack\//);
  });

  it('passes systemd-analyze verify, and is exposed little', { skip }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'canardstack-unit-'));
    try {
      const file = join(folder, 'canardstack.service');
      // verify wants the program to be there.
      await writeFile(
        file,
        unit
          .replace(/^ExecStart=.*$/m, 'ExecStart=/bin/true')
          .replace(/^(User|Group)=.*$/gm, '$1=daemon')
          .replace(/^Documentation=.*\n/m, ''),
      );
      const { stderr } = await run('systemd-analyze', ['verify', file]);
      assert.doesNotMatch(stderr, /canardstack\.service/, stderr);
      await run('systemd-analyze', ['security', '--offline=true', '--threshold=20', '--no-pager', file]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
