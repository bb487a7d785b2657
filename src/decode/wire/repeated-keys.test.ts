import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rowsOf } from '../../../test/support/batch-reader.js';
import { jsonPayload, now } from '../../../test/support/payload.js';
import type { Signal, TableName } from '../../schema/index.js';
import { BatchDecoder } from '../batch/decoder.js';

const decode = (signal: Signal, table: TableName, request: object) => {
  const decoder = new BatchDecoder(signal, { maxDecodedBodyBytes: 16 * 1024 * 1024 });
  const { batch, results } = decoder.decode([jsonPayload(request)], Infinity);
  assert.ok(results[0]?.ok, JSON.stringify(results));
  return rowsOf(batch, table);
};

type Value = string | number | Member[];
interface Member {
  readonly key: string;
  readonly value: Value;
}

const anyValue = (value: Value): object =>
  typeof value === 'string'
    ? { stringValue: value }
    : typeof value === 'number'
      ? { intValue: value }
      : { kvlistValue: { values: value.map(keyValue) } };
const keyValue = ({ key, value }: Member): object => ({ key, value: anyValue(value) });

/** What a JSON object says with the last of each key. */
function lastOf(members: readonly Member[]): string {
  const last = new Map(members.map((member, i) => [member.key, i]));
  const kept = members.filter((member, i) => last.get(member.key) === i);
  return `{${kept.map(({ key, value }) => `${JSON.stringify(key)}:${Array.isArray(value) ? lastOf(value) : JSON.stringify(value)}`).join(',')}}`;
}

describe('attributes with one key', () => {
  it('keep the last, in columns and in text alike', () => {
    const twice = (key: string) => [keyValue({ key, value: 'first' }), keyValue({ key, value: 'last' })];
    const [log] = decode('logs', 'logs', {
      resourceLogs: [
        {
          resource: { attributes: [...twice('service.name'), ...twice('host.name')] },
          scopeLogs: [{ scope: { attributes: twice('s') }, logRecords: [{ attributes: twice('a') }] }],
        },
      ],
    });
    assert.deepEqual(
      [log?.['service_name'], log?.['host_name'], log?.['resource_attributes']],
      ['last', 'last', '{"service.name":"last","host.name":"last"}'],
    );
    assert.deepEqual([log?.['scope_attributes'], log?.['log_attributes']], ['{"s":"last"}', '{"a":"last"}']);
    const at = String(now);
    const [span] = decode('traces', 'spans', {
      resourceSpans: [
        {
          scopeSpans: [
            {
              spans: [
                {
                  traceId: '1'.repeat(32),
                  spanId: '2'.repeat(16),
                  startTimeUnixNano: at,
                  endTimeUnixNano: at,
                  attributes: [
                    ...twice('http.route'),
                    keyValue({ key: 'error.type', value: 'x' }),
                    { key: 'error.type' },
                  ],
                  events: [{ name: 'e', timeUnixNano: '5', attributes: twice('k') }],
                },
              ],
            },
          ],
        },
      ],
    });
    assert.deepEqual(
      [span?.['http_route'], span?.['error_type'], span?.['span_attributes']],
      ['last', null, '{"http.route":"last","error.type":null}'],
    );
    assert.equal(span?.['events_json'], '[{"name":"e","time_unix_nano":"5","attributes":{"k":"last"}}]');
  });

  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  it(`keep the last of random objects (SEED=${seed})`, () => {
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return Math.floor((state / 0x8000_0000) * below);
    };
    const words = [
      '',
      'a',
      'b',
      'k"y',
      'b\\',
      'http.request.method',
      'http.response.method',
      'http.request.header.x.y',
      'ü',
    ];
    const members = (depth: number): Member[] =>
      Array.from({ length: random(12) }, () => ({
        key: random(3) > 0 ? (words[random(words.length)] ?? '') : `key-${random(40)}`,
        value:
          depth < 3 && random(4) === 0 ? members(depth + 1) : random(2) ? `v,{"${random(9)}` : random(99),
      }));
    const objects = Array.from({ length: 300 }, () => members(0));
    const rows = decode('logs', 'logs', {
      resourceLogs: [
        { scopeLogs: [{ logRecords: objects.map((one) => ({ attributes: one.map(keyValue) })) }] },
      ],
    });
    for (const [i, one] of objects.entries()) {
      assert.equal(rows[i]?.['log_attributes'], one.length === 0 ? null : lastOf(one));
    }
  });

  it('are all kept when they differ, however many there are', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => ({ key: `key.${i}`, value: i }));
    const [row] = decode('logs', 'logs', {
      resourceLogs: [{ scopeLogs: [{ logRecords: [{ attributes: many.map(keyValue) }] }] }],
    });
    assert.equal(row?.['log_attributes'], lastOf(many));
  });
});
