import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkBatch, rowsOf } from '../../../test/support/batch-reader.js';
import { jsonPayload, now } from '../../../test/support/payload.js';
import { BatchDecoder } from '../batch/decoder.js';

const decoder = new BatchDecoder('logs', { maxDecodedBodyBytes: 4 * 1024 * 1024 });

function decodeJson(value: unknown) {
  const { results, batch } = decoder.decode([jsonPayload(value)], Infinity);
  checkBatch(batch);
  return { result: results[0]!, rows: rowsOf(batch, 'logs') };
}

const request = (record: unknown) => ({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] });

function only(record: unknown) {
  const { result, rows } = decodeJson(typeof record === 'string' ? record : request(record));
  assert.ok(result.ok, JSON.stringify(result));
  return rows[0]!;
}

function messageOf(value: unknown): string {
  const { result } = decodeJson(value);
  assert.ok(!result.ok, 'it was accepted');
  assert.equal(result.code, 'malformed');
  return result.message;
}

describe('OTLP/JSON', () => {
  it('reads log records with resource and scope', () => {
    const { rows, result } = decodeJson({
      resourceLogs: [
        {
          resource: {
            attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }],
            droppedAttributesCount: 1,
          },
          scopeLogs: [
            {
              scope: { name: 'lib', version: '1', attributes: [{ key: 'x', value: { doubleValue: 0.5 } }] },
              schemaUrl: 'https://s',
              logRecords: [
                {
                  timeUnixNano: String(now - 1n),
                  observedTimeUnixNano: String(now),
                  severityNumber: 'SEVERITY_NUMBER_WARN2',
                  severityText: 'WARN2',
                  body: { stringValue: 'zażółć 🦆' },
                  traceId: '5B8EFFF798038103D269B633813FC60C',
                  spanId: 'eee19b7ec3c1b174',
                  flags: 1,
                  eventName: 'e',
                  attributes: null,
                  someFutureField: { deep: [1] },
                },
              ],
            },
          ],
          schemaUrl: 'https://r',
        },
      ],
    });
    assert.deepEqual(result, { ...result, ok: true, rows: 1, rejected: 0, reason: '' });
    const row = rows[0]!;
    const expected = {
      time_unix_nano: now - 1n,
      observed_time_unix_nano: now,
      severity_number: 14,
      severity_text: 'WARN2',
      body: 'zażółć 🦆',
      trace_id: '5b8efff798038103d269b633813fc60c',
      span_id: 'eee19b7ec3c1b174',
      flags: 1n,
      event_name: 'e',
      log_attributes: null,
      service_name: 'shop',
      resource_dropped_attributes_count: 1n,
      resource_schema_url: 'https://r',
      scope_name: 'lib',
      scope_attributes: '{"x":0.5}',
      scope_schema_url: 'https://s',
      source_format: 'otlp_json',
    };
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, row[key]])), expected);
  });

  it('keeps 64-bit integers exact, as strings and as numbers', () => {
    assert.equal(only({ body: { intValue: '9223372036854775807' } })['body'], '9223372036854775807');
    assert.equal(only({ body: { intValue: -12 } })['body'], '-12');
    const text =
      '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":1790000000123456789,' +
      '"body":{"intValue":-9007199254740993},"attributes":[{"key":"12345678901234567890 \\" 1234567890123456789",' +
      '"value":{"doubleValue":12345678901234567890}}]}]}]}]}';
    const row = only(text);
    assert.equal(row['time_unix_nano'], 1790000000123456789n);
    assert.equal(row['body'], '-9007199254740993');
    assert.equal(
      row['log_attributes'],
      '{"12345678901234567890 \\" 1234567890123456789":12345678901234567000}',
    );
  });

  it('reads every type of value', () => {
    const values: [unknown, string][] = [
      [{ boolValue: false }, 'false'],
      [{ doubleValue: 'NaN' }, '"NaN"'],
      [{ doubleValue: '-Infinity' }, '"-Infinity"'],
      [{ doubleValue: '1.5' }, '1.5'],
      [{ doubleValue: 3 }, '3'],
      [{ bytesValue: 'AQL/' }, '"AQL/"'],
      [{ bytesValue: 'AQL_' }, '"AQL/"'],
      [{ arrayValue: { values: [{ intValue: '1' }, {}, null] } }, '[1,null,null]'],
      [{ arrayValue: {} }, '[]'],
      [{ kvlistValue: { values: [{ key: 'k', value: { stringValue: 'v' } }] } }, '{"k":"v"}'],
      [{}, 'null'],
      [null, 'null'],
    ];
    for (const [value, expected] of values) {
      assert.equal(only({ attributes: [{ key: 'a', value }] })['log_attributes'], `{"a":${expected}}`);
    }
    assert.equal(
      only({ attributes: [{ key: '__proto__', value: { intValue: 1 } }] })['log_attributes'],
      '{"__proto__":1}',
    );
  });

  it('replaces lone surrogates and invalid UTF-8', () => {
    assert.equal(only({ body: { stringValue: 'a\ud800b' } })['body'], 'a\ufffdb');
    const long = 'x'.repeat(100);
    assert.equal(only({ body: { stringValue: `${long}\udc00` } })['body'], `${long}\ufffd`);
    const raw = Buffer.from(JSON.stringify(request({ body: { stringValue: '??' } })));
    raw[raw.indexOf('??')] = 0xff;
    const { batch } = decoder.decode([{ ...jsonPayload(''), body: Uint8Array.from(raw) }], Infinity);
    assert.equal(rowsOf(batch, 'logs')[0]?.['body'], '\ufffd?');
  });

  it('keeps a record without identifiers that are malformed, whatever they are', () => {
    const uuid = '5b8efff7-9803-8103-d269-b633813fc60c';
    const ids = ['zz', 'abc', '00', uuid, 'W47/95gDgQPSabYzgT/GDA==', 'a'.repeat(31), 7, true, {}, [1]];
    for (const id of ids) {
      const { result, rows } = decodeJson(
        request({ traceId: id, spanId: id, body: { stringValue: 'kept' } }),
      );
      assert.ok(result.ok && result.rejected === 0, JSON.stringify(id));
      assert.deepEqual(
        [result.droppedIds, result.warning],
        [{ trace_id: 1, span_id: 1 }, '1 malformed trace_id left out; 1 malformed span_id left out'],
      );
      assert.deepEqual(
        [rows[0]?.['body'], rows[0]?.['trace_id'], rows[0]?.['span_id']],
        ['kept', null, null],
      );
    }
    assert.equal(only({ traceId: '', spanId: '' })['trace_id'], null);
  });

  it('names the field that has the wrong type', () => {
    const at = 'resourceLogs[0].scopeLogs[0].logRecords[0]';
    const cases: [unknown, string][] = [
      [[], 'the body must be an object'],
      ['null', 'the body must be an object'],
      [{ resourceLogs: {} }, 'resourceLogs must be an array'],
      [{ resourceLogs: [1] }, 'resourceLogs[0] must be an object'],
      [request({ severityText: 5 }), `${at}.severityText must be a string`],
      [
        request({ timeUnixNano: '-1' }),
        `${at}.timeUnixNano must be an integer from 0 to 18446744073709551615`,
      ],
      [
        request({ timeUnixNano: 1.5 }),
        `${at}.timeUnixNano must be an integer from 0 to 18446744073709551615`,
      ],
      [
        request({ severityNumber: 'LOUD' }),
        `${at}.severityNumber must be an integer from -2147483648 to 2147483647`,
      ],
      [request({ body: { boolValue: 'true' } }), `${at}.body.boolValue must be true or false`],
      [request({ body: { doubleValue: 'x' } }), `${at}.body.doubleValue must be a number`],
      [request({ body: { bytesValue: '!' } }), `${at}.body.bytesValue must be base64 text`],
      [request({ attributes: [{ key: 'a', value: 'b' }] }), `${at}.attributes[0].value must be an object`],
    ];
    for (const [value, expected] of cases) assert.equal(messageOf(value), expected);
  });

  it('refuses text that is not JSON, too deep, or too large once parsed', () => {
    assert.match(messageOf('{"resourceLogs":'), /^the body is not JSON: /);
    assert.match(messageOf(''), /^the body is not JSON: /);
    assert.match(messageOf('['.repeat(100_000)), /nested deeper than 400 levels/);
    let value: unknown = { intValue: 1 };
    for (let i = 0; i < 70; i++) value = { arrayValue: { values: [value] } };
    assert.match(messageOf(request({ body: value })), /nested deeper than 64 levels/);
    const nodes = new BatchDecoder('logs', { maxDecodedBodyBytes: 64 * 1024 * 1024 });
    const { results } = nodes.decode([jsonPayload(`{"x":[${'0,'.repeat(6_000_001)}0]}`)], Infinity);
    assert.ok(results[0] && !results[0].ok && results[0].code === 'too_large');
  });
});

describe('OTLP/JSON with names that are not its own', () => {
  const warning = (value: unknown) => {
    const { result } = decodeJson(value);
    assert.ok(result.ok, JSON.stringify(result));
    return { warning: result.warning, rows: result.rows, rejected: result.rejected };
  };

  it('says which fields in snake_case were ignored, wherever they are', () => {
    const all = warning({ resource_logs: [{ scope_logs: [{ log_records: [{ body: {} }] }] }] });
    assert.equal(
      all.warning,
      "ignored: resource_logs (its name is resourceLogs); OTLP's JSON encoding has names in lowerCamelCase only",
    );
    assert.deepEqual([all.rows, all.rejected], [0, 0]);
    const some = warning(
      request({
        time_unix_nano: String(now),
        severity_text: 'INFO',
        body: { string_value: 'x' },
        other_field: 1,
      }),
    );
    const record = 'resourceLogs[0].scopeLogs[0].logRecords[0]';
    assert.equal(
      some.warning,
      `ignored: ${record}.time_unix_nano (its name is timeUnixNano), ${record}.severity_text (its name is severityText), ` +
        `${record}.body.string_value (its name is stringValue); OTLP's JSON encoding has names in lowerCamelCase only`,
    );
    assert.equal(some.rows, 1);
  });

  it('says when a request holds nothing of its signal', () => {
    assert.match(
      warning({ resourceSpans: [] }).warning ?? '',
      /has the field "resourceSpans", not resourceLogs/,
    );
    const long = warning({ ['x'.repeat(10_000)]: 1 }).warning ?? '';
    assert.ok(long.length < 300);
  });

  it('says nothing of fields that may come from a later version, nor of names of objects', () => {
    for (const value of [
      {},
      { resourceLogs: [] },
      { resourceLogs: [], newField: 1, new_field: 2 },
      '{"resourceLogs":[],"__proto__":{"x_y":1},"to_string":1,"has_own_property":2}',
    ]) {
      const parsed: unknown = typeof value === 'string' ? JSON.parse(value) : value;
      assert.equal(warning(parsed).warning, undefined, JSON.stringify(value));
    }
  });
});
