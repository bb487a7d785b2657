import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isBusy, SpareCpu } from './spare-cpu.js';

describe('CPU to spare', () => {
  it('is short from a quarter of the cores on', () => {
    assert.equal(isBusy({ cpuMs: 501, clockMs: 1000 }, 2), true);
    assert.equal(isBusy({ cpuMs: 500, clockMs: 1000 }, 2), false);
    assert.equal(isBusy({ cpuMs: 501, clockMs: 1000 }, 16), false);
    assert.equal(isBusy({ cpuMs: 999, clockMs: 999 }, 1), null);
  });

  it('is told by what is used beside the work, over a second at least', () => {
    let [cpuMs, clockMs] = [0, 0];
    const pass = (cpu: number, clock: number) => {
      cpuMs += cpu;
      clockMs += clock;
    };
    const spare = new SpareCpu(2, () => ({ cpuMs, clockMs }));
    assert.equal(spare.isShort(), false);
    pass(300, 3000);
    assert.equal(spare.isShort(), false);
    spare.worked('begins');
    pass(9000, 5000);
    spare.worked('ends');
    assert.equal(spare.isShort(), false);
    pass(400, 500);
    assert.equal(spare.isShort(), false, 'not yet');
    spare.worked('begins');
    pass(0, 60_000);
    spare.worked('ends');
    pass(400, 500);
    assert.equal(spare.isShort(), true);
    pass(10, 900);
    assert.equal(spare.isShort(), true, 'still');
    pass(10, 200);
    assert.equal(spare.isShort(), false);
    spare.worked('ends');
    pass(2000, 1000);
    assert.equal(spare.isShort(), true);
  });
});
