import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nextStep, type Rollout } from './service.js';
import { planStack } from './stack.js';

/** The steps of a whole update, as text. */
function steps(rollout: Rollout): string[] {
  let [old, fresh] = [rollout.desired, 0];
  const taken: string[] = [];
  for (;;) {
    const step = nextStep(rollout, old, fresh);
    if (step === null) return taken;
    if ('start' in step) fresh += step.start;
    else old -= step.stop;
    taken.push('start' in step ? `start ${step.start}` : `stop ${step.stop}`);
  }
}

describe('a rolling update', () => {
  const { services, ttl } = planStack('a-bucket');

  it('of the template’s catalog never has two tasks, of its nodes never fewer than desired', () => {
    assert.deepEqual(steps(services.catalog), ['stop 1', 'start 1']);
    assert.deepEqual(steps(services.app), ['start 2', 'stop 2']);
    assert.deepEqual(steps(services.query), ['start 1', 'stop 1']);
  });

  it('keeps to what its percentages allow', () => {
    assert.deepEqual(steps({ desired: 2, maximumPercent: 150, minimumHealthyPercent: 100 }), [
      'start 1',
      'stop 1',
      'start 1',
      'stop 1',
    ]);
    assert.throws(() => steps({ desired: 1, maximumPercent: 100, minimumHealthyPercent: 100 }), /no task/);
  });

  it('has every setting of the template, and its secrets', () => {
    assert.equal(services.catalog.env['CANARDSTACK_CATALOG_LISTEN'], '0.0.0.0:9494');
    assert.equal(services.app.env['CANARDSTACK_DUCKLAKE_DATA_PATH'], 's3://a-bucket/canardstack/lake/');
    const token = 'CANARDSTACK_DUCKLAKE_QUACK_TOKEN';
    assert.ok((services.app.env[token]?.length ?? 0) > 20);
    assert.equal(services.app.env[token], services.catalog.env[token]);
    assert.equal(
      services.query.env['CANARDSTACK_DUCKLAKE_ATTACH_URI'],
      `ducklake:quack:${services.catalog.hostName}:9494`,
    );
    assert.deepEqual(ttl, { record: 5, negative: 5 });
    assert.ok(services.catalog.s3Actions.includes('s3:ListBucket'));
  });
});
