import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../test/support/server.js';
import { RejectionLog } from './rejection-log.js';

function recorded(everyMs: number, mostKinds?: number) {
  const lines: Record<string, unknown>[] = [];
  const warn = (fields: Record<string, unknown>) => void lines.push(fields);
  return { lines, log: new RejectionLog({ warn } as never, 'http', everyMs, mostKinds) };
}

describe('the log of rejections', () => {
  it('sums up what comes after the first of a kind', async () => {
    const { lines, log } = recorded(200);
    const kind = { signal: 'logs', reason: 'too_old', service: 'cart' } as const;
    for (let i = 1; i <= 4; i++) log.note(kind, i, `example ${i}`);
    assert.deepEqual(lines, [{ ...kind, transport: 'http', requests: 1, records: 1, example: 'example 1' }]);
    await eventually(async () => lines[1]);
    assert.deepEqual(lines[1], { ...kind, transport: 'http', requests: 3, records: 9, example: 'example 4' });
    await sleep(500);
    assert.equal(lines.length, 2, 'nothing happened meanwhile');
    log.note(kind, 1, 'again');
    assert.equal(lines.length, 3);
  });

  it('is bounded, whatever services are called', () => {
    const { lines, log } = recorded(60_000, 10);
    for (let i = 0; i < 1000; i++) {
      log.note({ signal: 'traces', reason: 'malformed', service: `s${i}` }, 1, 'x');
    }
    assert.equal(lines.length, 11);
    assert.equal(lines.at(-1)?.['service'], '(others)');
    log.note({ signal: 'traces', reason: 'too_large' }, 0, 'y');
    assert.equal(lines.at(-1)?.['service'], undefined);
  });
});
