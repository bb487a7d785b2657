import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rowsOf } from '../../../test/support/batch-reader.js';
import { defaultDecodeLimits } from '../../schema/index.js';
import { BatchDecoder } from '../batch/decoder.js';
import { journalEntriesEnd } from './journal-fields.js';

const us = 1_790_000_000_123_456n;

function field(name: string, value: string | Uint8Array): Buffer {
  if (typeof value === 'string' && !value.includes('\n')) return Buffer.from(`${name}=${value}\n`);
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')]);
}

function decode(body: Buffer, parameters = '') {
  const decoder = new BatchDecoder('logs', {});
  const payload = {
    format: 'journald',
    parameters,
    encoding: 'identity',
    receivedAtNs: us * 1000n,
    minTimeNs: 0n,
    maxTimeNs: us * 2000n,
    limits: defaultDecodeLimits,
    body: Uint8Array.from(body),
  } as const;
  const { results, batch } = decoder.decode([payload], Infinity);
  return { result: results[0], rows: rowsOf(batch, 'logs') };
}

const entry = Buffer.concat([
  field('__CURSOR', 's=1;i=2'),
  field('__REALTIME_TIMESTAMP', String(us)),
  field('__MONOTONIC_TIMESTAMP', '9'),
  field('_BOOT_ID', 'b00t'),
  field('PRIORITY', '3'),
  field('_HOSTNAME', 'web-1'),
  field('_SYSTEMD_UNIT', 'nginx.service'),
  field('SYSLOG_IDENTIFIER', 'nginx'),
  field('MESSAGE', 'two\n\nlines = here'),
  field('CODE', 'a'),
  field('CODE', 'b'),
  field('EMPTY', ''),
  field('RAW', Uint8Array.of(0xff, 0, 10)),
  Buffer.from('\n'),
]);

describe('Journal Export Format', () => {
  it('becomes records with the names of OpenTelemetry where there are any', () => {
    const { result, rows } = decode(Buffer.concat([entry, field('MESSAGE', 'without its end')]));
    assert.ok(result?.ok && result.rejected === 0);
    const [row, last] = rows;
    const shown = ['time_unix_nano', 'body', 'service_name', 'host_name', 'severity_number', 'severity_text'];
    assert.deepEqual(
      shown.map((name) => row?.[name]),
      [us * 1000n, 'two\n\nlines = here', 'nginx', 'web-1', 17, 'error'],
    );
    assert.deepEqual(JSON.parse(String(row?.['log_attributes'])), {
      CODE: ['a', 'b'],
      EMPTY: '',
      RAW: '/wAK',
    });
    const resource = JSON.parse(String(row?.['resource_attributes'])) as Record<string, unknown>;
    assert.equal(resource['_SYSTEMD_UNIT'], 'nginx.service');
    assert.deepEqual([last?.['body'], last?.['time_unix_nano']], ['without its end', us * 1000n]);
  });

  it('takes the names of fields from the request', () => {
    const { rows } = decode(entry, '_stream_fields=EMPTY&ignore_fields=CODE,RAW&extra_fields=dc=eu');
    assert.deepEqual(JSON.parse(String(rows[0]?.['log_attributes'])), { dc: 'eu' });
  });

  it('rejects an entry by itself, and what has no end as a whole', () => {
    const bad = Buffer.concat([field('not a name', 'x'), Buffer.from('\n'), entry]);
    const { result, rows } = decode(bad);
    assert.ok(result?.ok);
    assert.equal(result.rejected, 1);
    assert.match(result.reason, /"not a name" is no name of a journal's field/);
    assert.equal(rows.length, 1);
    const whole = decode(entry.subarray(0, entry.length - 5)).result;
    assert.match(whole?.ok === false ? whole.message : '', /at byte \d+ is not whole/);
  });

  it('tells where entries end, also with empty lines in their values', () => {
    const two = Buffer.concat([entry, entry]);
    for (let cut = 0; cut <= two.length; cut++) {
      const end = cut >= two.length ? two.length : cut >= entry.length ? entry.length : 0;
      assert.equal(journalEntriesEnd(two.subarray(0, cut)), end, `cut at ${cut}`);
    }
    assert.throws(
      () => journalEntriesEnd(Buffer.from('no journal at all\nin here\n')),
      /neither = nor a length/,
    );
  });
});
