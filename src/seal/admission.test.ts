import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { admit, FreshnessProjection, type AdmissionInputs } from './admission.js';

const fine: AdmissionInputs = {
  closing: false,
  fenced: false,
  projectedSeconds: 1,
  slaSeconds: 15,
  lakeAway: false,
  rssBytes: 1,
  memoryCapBytes: 100,
};

describe('admission', () => {
  it('admits when nothing is the matter', () => {
    assert.equal(admit(fine), null);
  });

  it('refuses beyond each bound with its reason and a time to wait', () => {
    const reasons = [
      { ...fine, closing: true },
      { ...fine, fenced: true },
      { ...fine, projectedSeconds: 20 },
      { ...fine, rssBytes: 101 },
    ].map((inputs) => admit(inputs));
    assert.deepEqual(
      reasons.map((refusal) => refusal?.reason),
      ['shutting_down', 'dependency_unhealthy', 'freshness_budget_exceeded', 'queue_full'],
    );
    for (const refusal of reasons) assert.ok((refusal?.retryAfterSeconds ?? 0) >= 1);
    assert.match(reasons[2]?.message ?? '', /20\.0 s, over the budget of 15 s/);
  });

  it('lets the spool absorb what comes while the lake is away', () => {
    assert.equal(admit({ ...fine, projectedSeconds: 1000, lakeAway: true }), null);
  });

  it('projects from the rate of large commits', () => {
    const projection = new FreshnessProjection(1);
    assert.equal(projection.project(50e6), 1);
    projection.observe(1000, 0.5);
    assert.equal(projection.project(50e6), 1.5, 'a small commit tells a fixed cost, not a rate');
    projection.observe(10e6, 1);
    assert.equal(projection.project(50e6), 6);
  });
});
