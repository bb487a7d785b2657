import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkBatch, rowsOf } from '../../test/support/batch-reader.js';
import { bytes, concat, double, fixed32, fixed64, message, text, uint } from '../../test/support/protobuf.js';
import { now, payloadOf } from '../../test/support/payload.js';
import type { Payload } from '../schema/index.js';
import { BatchDecoder } from './batch/decoder.js';

const decoder = new BatchDecoder('logs', {
  maxDecodedBodyBytes: 1024 * 1024,
  maxRecordBytes: 4 * 1024 * 1024,
});

function decodeLogs(...bodies: (Uint8Array | Payload)[]) {
  const payloads = bodies.map((body) => (body instanceof Uint8Array ? payloadOf(body) : body));
  const { results, batch, taken } = decoder.decode(payloads, Infinity);
  assert.equal(taken, payloads.length);
  const rows = results.reduce((sum, result) => sum + (result.ok ? result.rows : 0), 0);
  checkBatch(batch, rows);
  return { results, rows: rowsOf(batch, 'logs') };
}

const attribute = (field: number, key: string, ...value: Uint8Array[]) =>
  message(field, text(1, key), message(2, ...value));
const record = (...fields: Uint8Array[]) => message(2, ...fields);
const request = (...records: Uint8Array[]) => message(1, message(2, ...records));
const only = (...fields: Uint8Array[]) => {
  const { rows, results } = decodeLogs(request(record(...fields)));
  assert.deepEqual(
    results.map((result) => result.ok && result.rows),
    [1],
  );
  return rows[0]!;
};

describe('log records from protobuf', () => {
  it('keeps every field, in whatever order fields come', () => {
    const traceId = Uint8Array.from({ length: 16 }, (_, i) => i * 16 + 1);
    const fields = [
      fixed64(1, now + 1n),
      uint(2, 17),
      text(3, 'ERROR'),
      message(5, text(1, 'something went wrong in the café')),
      attribute(6, 'a', text(1, 'x"\\\n\u0001y')),
      attribute(6, 'n', uint(3, -5n)),
      uint(7, 3),
      fixed32(8, 257),
      bytes(9, traceId),
      bytes(10, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 255)),
      fixed64(11, now + 2n),
      text(12, 'device.app.lifecycle'),
    ];
    const resource = message(
      1,
      attribute(1, 'service.name', text(1, 'checkout')),
      attribute(1, 'service.namespace', text(1, 'shop')),
      attribute(1, 'service.instance.id', text(1, 'checkout-7f9c-1')),
      attribute(1, 'deployment.environment', text(1, 'old')),
      attribute(1, 'deployment.environment.name', text(1, 'production')),
      attribute(1, 'k8s.pod.name', uint(3, 12)),
      uint(2, 4),
    );
    const scope = message(1, text(1, 'scope'), text(2, '1.2.3'), attribute(3, 's', uint(2, 1)), uint(4, 5));
    const bodies = [
      concat([
        message(
          1,
          resource,
          message(2, scope, record(...fields), text(3, 'https://s/2')),
          text(3, 'https://r/1'),
        ),
      ]),
      concat([
        message(
          1,
          text(3, 'https://r/1'),
          message(2, text(3, 'https://s/2'), record(...fields.toReversed()), scope),
          resource,
        ),
      ]),
    ];
    const { rows } = decodeLogs(...bodies);
    const attributes = ['{"a":"x\\"\\\\\\n\\u0001y","n":-5}', '{"n":-5,"a":"x\\"\\\\\\n\\u0001y"}'];
    for (const [i, row] of rows.entries()) {
      assert.deepEqual(row, {
        timestamp: (now + 1n) / 1000n,
        time_unix_nano: now + 1n,
        observed_time_unix_nano: now + 2n,
        trace_id: '0111213141516171' + '8191a1b1c1d1e1f1',
        span_id: '01020304050607ff',
        severity_number: 17,
        severity_text: 'ERROR',
        detected_level: 'error',
        event_name: 'device.app.lifecycle',
        body: 'something went wrong in the café',
        body_type: 'string',
        log_attributes: attributes[i],
        dropped_attributes_count: 3n,
        flags: 257n,
        service_name: 'checkout',
        service_namespace: 'shop',
        service_instance_id: 'checkout-7f9c-1',
        resource_attributes:
          '{"service.name":"checkout","service.namespace":"shop","service.instance.id":"checkout-7f9c-1",' +
          '"deployment.environment":"old","deployment.environment.name":"production","k8s.pod.name":12}',
        resource_dropped_attributes_count: 4n,
        resource_schema_url: 'https://r/1',
        scope_name: 'scope',
        scope_version: '1.2.3',
        scope_attributes: '{"s":true}',
        scope_dropped_attributes_count: 5n,
        scope_schema_url: 'https://s/2',
        deployment_environment_name: 'production',
        k8s_namespace_name: null,
        k8s_pod_name: '12',
        k8s_container_name: null,
        host_name: null,
        ingested_at: now / 1000n,
        source_format: 'otlp_protobuf',
      });
    }
  });

  it('gives an empty record the time of receipt and NULLs', () => {
    const row = only();
    assert.equal(row['time_unix_nano'], now);
    for (const column of [
      'observed_time_unix_nano',
      'trace_id',
      'body',
      'body_type',
      'log_attributes',
      'service_name',
    ]) {
      assert.equal(row[column], null, column);
    }
    assert.equal(row['severity_number'], 0);
    assert.equal(only(fixed64(11, now + 5n))['time_unix_nano'], now + 5n);
  });

  it('writes each type of body and attribute value', () => {
    const nested = message(
      5,
      message(1, uint(3, 1)),
      message(1),
      message(1, message(6, attribute(1, 'k', text(1, 'v')))),
    );
    const cases: [Uint8Array[], string | null, string | null, string][] = [
      [[text(1, 'plain "text"')], 'string', 'plain "text"', '"plain \\"text\\""'],
      [[text(1, '')], 'string', null, '""'],
      [[uint(2, 1)], 'bool', 'true', 'true'],
      [[uint(2, 0)], 'bool', 'false', 'false'],
      [[uint(3, 12)], 'int', '12', '12'],
      [[uint(3, -(2n ** 63n))], 'int', '-9223372036854775808', '-9223372036854775808'],
      [[uint(3, 2n ** 63n - 1n)], 'int', '9223372036854775807', '9223372036854775807'],
      [[uint(3, -4_294_967_296n)], 'int', '-4294967296', '-4294967296'],
      [[double(4, 1.5)], 'double', '1.5', '1.5'],
      [[double(4, NaN)], 'double', 'NaN', '"NaN"'],
      [[double(4, -Infinity)], 'double', '-Infinity', '"-Infinity"'],
      [[double(4, 1e300)], 'double', '1e+300', '1e+300'],
      [[bytes(7, Uint8Array.of(1, 2, 255))], 'bytes', 'AQL/', '"AQL/"'],
      [[message(5)], 'array', '[]', '[]'],
      [[message(6)], 'kvlist', '{}', '{}'],
      [[nested], 'array', '[1,null,{"k":"v"}]', '[1,null,{"k":"v"}]'],
      [[], null, null, 'null'],
      [[text(1, 'first'), uint(3, 2)], 'int', '2', '2'],
    ];
    for (const [value, type, body, json] of cases) {
      const row = only(message(5, ...value), attribute(6, 'key', ...value));
      assert.deepEqual(
        [row['body_type'], row['body'], row['log_attributes']],
        [type, body, `{"key":${json}}`],
      );
    }
    assert.equal(only(message(6, text(1, 'no value')))['log_attributes'], '{"no value":null}');
    assert.equal(only(message(6))['log_attributes'], '{"":null}');
  });

  it('writes doubles and integers as JavaScript does', () => {
    const doubles = [
      0,
      -0,
      0.1,
      -0.001,
      0.0005,
      123.456,
      1e15,
      123456789012.5,
      1e21,
      5e-324,
      2 ** 53,
      1 / 3,
      -1234.5,
    ];
    for (const value of doubles) {
      const expected = Object.is(value, -0) ? '-0' : String(value);
      assert.equal(only(message(5, double(4, value)))['body'], expected);
    }
    let seed = 7n;
    for (let i = 0; i < 2000; i++) {
      seed = BigInt.asUintN(64, seed * 6364136223846793005n + 1442695040888963407n);
      const value = BigInt.asIntN(64, seed >> (seed % 64n));
      assert.equal(only(message(5, uint(3, value)))['body'], String(value));
      const decimal = Number(value) / 1000;
      assert.equal(only(message(5, double(4, decimal)))['body'], String(decimal));
    }
  });

  it('keeps strings of every length, before and after what must be escaped', () => {
    for (let length = 0; length < 80; length++) {
      const plain = 'abcdefghijklmnopqrstuvwxyz'.repeat(4).slice(0, length);
      for (const value of [plain, `${plain}"`, `\t${plain}`, `${plain}ż\\${plain}`, `\u0000${plain}\u001f`]) {
        const row = only(message(5, text(1, value)), attribute(6, value, text(1, value)), text(3, value));
        assert.equal(row['body'], value || null);
        assert.equal(row['severity_text'], value || null);
        assert.deepEqual(JSON.parse(row['log_attributes'] as string), { [value]: value });
      }
    }
    const long = 'x'.repeat(5000) + '"' + 'é'.repeat(5000);
    const row = only(message(5, text(1, long)), attribute(6, 'k', text(1, long)));
    assert.equal(row['body'], long);
    assert.deepEqual(JSON.parse(row['log_attributes'] as string), { k: long });
  });

  it('replaces invalid UTF-8 and keeps the rest of the payload', () => {
    const cases: number[][] = [
      [0xff],
      [0x80, 0x41],
      [0x41, 0xc3],
      [0xe2, 0x82],
      [0xed, 0xa0, 0x80],
      [...Buffer.from('long enough for the arena '), 0xf0, 0x9f],
      [0x80, ...Buffer.from(' begins in the middle of a sequence')],
    ];
    for (const raw of cases) {
      const value = Uint8Array.from(raw);
      const expected = Buffer.from(value).toString('utf8');
      const attributes = message(6, bytes(1, value), message(2, bytes(1, value)));
      const { rows } = decodeLogs(
        request(
          record(message(5, text(1, 'before: ends with an ą'))),
          record(message(5, bytes(1, value)), attributes, bytes(3, value), bytes(12, value)),
          record(message(5, text(1, 'after'))),
        ),
      );
      assert.deepEqual(
        rows.map((row) => row['body']),
        ['before: ends with an ą', expected, 'after'],
      );
      assert.equal(rows[1]?.['severity_text'], expected);
      assert.equal(rows[1]?.['event_name'], expected);
      assert.deepEqual(JSON.parse(rows[1]?.['log_attributes'] as string), { [expected]: expected });
    }
    // Two halves of one character in neighbouring strings are valid together, but neither is alone.
    const { rows } = decodeLogs(
      request(
        record(message(5, bytes(1, Buffer.concat([Buffer.from('an arena string: '), Buffer.of(0xc3)])))),
        record(message(5, bytes(1, Buffer.concat([Buffer.of(0xa9), Buffer.from(' another arena string')])))),
      ),
    );
    assert.deepEqual(
      rows.map((row) => row['body']),
      ['an arena string: \ufffd', '\ufffd another arena string'],
    );
  });

  it('names the service of a log without one by its container or job', () => {
    const service = (...names: [string, string][]) =>
      decodeLogs(
        message(
          1,
          message(1, ...names.map(([key, value]) => attribute(1, key, text(1, value)))),
          message(2, record(fixed64(1, now))),
        ),
      ).rows[0];
    const container: [string, string] = ['k8s.container.name', 'nginx'];
    assert.equal(service(container)?.['service_name'], 'nginx');
    assert.equal(service(container)?.['k8s_container_name'], 'nginx');
    assert.equal(service(['k8s.job.name', 'nightly'])?.['service_name'], 'nightly');
    assert.equal(service(container, ['container.name', 'web'])?.['service_name'], 'web');
    assert.equal(service(container, ['service.name', 'shop'])?.['service_name'], 'shop');
    assert.equal(service(['host.name', 'h'])?.['service_name'], null);
  });

  it('rejects single records and says why', () => {
    const { results, rows } = decodeLogs(
      payloadOf(
        request(
          record(fixed64(1, now)),
          record(fixed64(1, now - 86_400_000_000_001n)),
          record(fixed64(1, now - 86_400_000_000_000n)),
          record(fixed64(1, 5n), attribute(6, 'k', text(1, 'v'))),
          record(fixed64(1, now + 600_000_000_001n)),
          record(fixed64(1, 2n ** 64n - 1n)),
          record(fixed64(1, now), bytes(9, Uint8Array.of(1, 2))),
          record(fixed64(1, now), bytes(9, new Uint8Array(16)), bytes(10, new Uint8Array(8))),
        ),
      ),
    );
    const [result] = results;
    assert.ok(result?.ok);
    assert.equal(result.rows, 4);
    assert.equal(result.rejected, 4);
    assert.deepEqual(result.droppedIds, { trace_id: 1 });
    assert.match(result.reason, /^2 log records too old: time_unix_nano before 2026-.*ACCEPT_LATE_SECS; /);
    assert.match(
      result.reason,
      /; 2 log records too far ahead: time_unix_nano after 2026-.*ACCEPT_FUTURE_SECS$/,
    );
    assert.equal(result.warning, '1 malformed trace_id left out');
    assert.deepEqual(
      rows.map((row) => row['trace_id']),
      [null, null, null, null],
    );
  });

  it('keeps a malformed payload from the batch, and others in it', () => {
    const good = request(record(message(5, text(1, 'a good one, long enough'))));
    const half = good.subarray(0, good.length - 1);
    const damaged = concat([good, Uint8Array.of(0x0a, 0x7f)]);
    const { results, rows } = decodeLogs(good, half, damaged, good);
    assert.deepEqual(
      results.map((result) => (result.ok ? result.rows : result.code)),
      [1, 'malformed', 'malformed', 1],
    );
    assert.deepEqual(
      rows.map((row) => row['body']),
      Array(2).fill('a good one, long enough'),
    );
  });

  it('skips unknown fields and refuses groups, bad lengths, long varints and deep nesting', () => {
    assert.equal(
      only(uint(99, 1), fixed64(98, 1n), text(97, 'x'), fixed32(96, 1), text(3, 'kept'))['severity_text'],
      'kept',
    );
    // A known field with another wire type counts as unknown.
    assert.equal(only(uint(3, 1), text(2, 'x'))['severity_text'], null);
    const nest = (depth: number): Uint8Array => {
      let value = uint(3, 1);
      for (let i = 0; i < depth; i++) value = message(5, message(1, value));
      return message(5, value);
    };
    assert.equal(only(nest(64))['body_type'], 'array');
    const bad: [string, Uint8Array][] = [
      ['group', request(record(Uint8Array.of(0x0b, 0x0c)))],
      ['field 0', request(record(Uint8Array.of(0x00, 0x00)))],
      ['length', request(record(Uint8Array.of(0x1a, 0xff, 0xff, 0xff, 0xff, 0x0f)))],
      ['varint', request(record(Uint8Array.of(0x10, ...Array<number>(10).fill(0xff), 1)))],
      ['truncated fixed64', request(record(Uint8Array.of(0x09, 1, 2)))],
      ['deep', request(record(nest(65)))],
      ['very deep', request(record(nest(2000)))],
    ];
    for (const [name, body] of bad) {
      const [result] = decodeLogs(body).results;
      assert.ok(result && !result.ok && result.code === 'malformed' && result.message.length > 10, name);
    }
  });

  it('bounds records in a payload and what they expand to', () => {
    const many = decodeLogs(
      payloadOf(
        message(
          1,
          bytes(2, new Uint8Array(0)),
          message(2, concat(Array(500_001).fill(Uint8Array.of(0x12, 0)))),
        ),
      ),
    );
    assert.deepEqual(
      many.results.map((result) => !result.ok && result.code),
      ['too_large'],
    );
    const large = decodeLogs(new Uint8Array(1024 * 1024 + 1));
    assert.deepEqual(
      large.results.map((result) => !result.ok && result.code),
      ['too_large'],
    );
    const escapes = decodeLogs(request(record(attribute(6, 'k', bytes(1, new Uint8Array(1024 * 1000))))));
    assert.deepEqual(
      escapes.results.map((result) => !result.ok && result.code),
      ['too_large'],
    );
    assert.equal(decodeLogs(new Uint8Array(0)).results[0]?.ok, true);
  });

  it('stops between payloads when the budget is used up', () => {
    const body = request(record(message(5, text(1, 'x'.repeat(100)))));
    const payloads = [payloadOf(body), payloadOf(body), payloadOf(body)];
    const { taken, batch } = decoder.decode(payloads, 150);
    assert.equal(taken, 2);
    checkBatch(batch, 2);
  });
});

describe('rejected log records', () => {
  it('are told by service and reason, also when the resource comes last', () => {
    const old = record(fixed64(1, 1n));
    const good = record(fixed64(1, now));
    const service = (name: string) =>
      message(1, attribute(1, 'other', text(1, 'x')), attribute(1, 'service.name', text(1, name)));
    const { results } = decodeLogs(
      concat([
        message(1, service('cart'), message(2, old, good)),
        message(1, message(2, old), message(2, old), service('pay')),
        message(1, message(2, old)),
        message(1, service('quiet'), message(2, good)),
      ]),
    );
    const [result] = results;
    assert.ok(result?.ok);
    assert.equal(result.rejected, 4);
    assert.deepEqual(
      result.rejectedRecords?.map(({ service, reason, count }) => [service, reason, count]),
      [
        ['cart', 'too_old', 1],
        ['pay', 'too_old', 2],
        ['', 'too_old', 1],
      ],
    );
    assert.match(result.rejectedRecords[0]?.example ?? '', /^too old: .* CANARDSTACK_ACCEPT_LATE_SECS$/);
    const next = decodeLogs(message(1, service('cart'), message(2, good))).results[0];
    assert.ok(next?.ok && next.rejectedRecords === undefined);
  });
});
