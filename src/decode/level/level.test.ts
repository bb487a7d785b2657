import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rowsOf } from '../../../test/support/batch-reader.js';
import { jsonPayload } from '../../../test/support/payload.js';
import { BatchDecoder } from '../batch/decoder.js';

const decoder = new BatchDecoder('logs', { maxDecodedBodyBytes: 4 * 1024 * 1024 });

function levelsOf(records: readonly object[]): unknown[] {
  const { batch, results } = decoder.decode(
    [jsonPayload({ resourceLogs: [{ scopeLogs: [{ logRecords: records }] }] })],
    Infinity,
  );
  assert.ok(results[0]?.ok);
  return rowsOf(batch, 'logs').map((row) => row['detected_level']);
}

const attribute = (key: string, value: object) => ({ key, value });
const text = (stringValue: string) => ({ stringValue });
const withBody = (body: string) => ({ body: text(body) });

describe('the level of a log record', () => {
  const lines: [body: string, level: string][] = [
    ['level=error msg="x"', 'error'],
    ['{"level":"warn"}', 'warn'],
    ['2026-11-28 ERROR something', 'error'],
    ['[WARN] x', 'warn'],
    ['lvl=dbg', 'debug'],
    ['{"severity":"CRITICAL"}', 'critical'],
    ['info: x', 'info'],
    // JSON: exact names, strings alone, one level of nesting, the first one in the text.
    ['  {"a": [1, {"level": "info"}], "b": {"lvl": "trc"}} \n', 'trace'],
    ['{"a":{"b":{"level":"error"}}}', 'error'],
    ['{"a":{"b":{"level":"dbg"}}}', 'unknown'],
    ['{"lEvEl":"information"}', 'unknown'],
    ['{"level":30,"severity":"wrn"}', 'warn'],
    ['{"msg":"say \\"level\\": no","Level":"Fatal"}', 'fatal'],
    ['{"severity":"err","level":"info"}', 'error'],
    ['{"log.level":"INF"}', 'info'],
    ['{"level":"none","x":"debug"}', 'debug'],
    ['{"level" "x"} error', 'error'],
    ['{"level":"war', 'unknown'],
    ['{}', 'unknown'],
    // logfmt: any case, the best key of the line.
    ['a=1 LeVeL=INFO', 'info'],
    ['severity=warn level=debug', 'debug'],
    ['msg="level=error" lvl="Critical"', 'critical'],
    ['level=chatty error', 'error'],
    ['bare level=fatal', 'fatal'],
    ['a="unclosed level=trace', 'trace'],
    ['level= x', 'unknown'],
    ['x=1', 'unknown'],
    // Words: alone, in any case, in Loki's order, and by the first place where their letters stand.
    ['info and Debug', 'debug'],
    ['error then TRACE', 'trace'],
    ['fatal error', 'fatal'],
    ['critical warning', 'critical'],
    ['ERR: no', 'error'],
    ['(warning)', 'warn'],
    ['information', 'unknown'],
    ['errors', 'unknown'],
    ['errors and error', 'unknown'],
    ['error_count', 'unknown'],
    ['error1', 'unknown'],
    ['éinfo', 'info'],
    ['infoé', 'unknown'],
    ['a-info-b', 'info'],
    ['traceback', 'unknown'],
    ['e', 'unknown'],
    ['', 'unknown'],
    [`${'x'.repeat(500)} error ${'y'.repeat(500)}`, 'error'],
  ];
  it('is found in lines', () => {
    const found = levelsOf(lines.map(([body]) => withBody(body)));
    assert.deepEqual(
      lines.map(([body], i) => [body, found[i]]),
      lines,
    );
  });

  const records: [record: object, level: string][] = [
    [{ attributes: [attribute('level', text('error'))] }, 'error'],
    [{ attributes: [attribute('severity', text('ERROR'))] }, 'error'],
    [{ attributes: [attribute('severity', text('warn')), attribute('level', text('dbg'))] }, 'debug'],
    [{ attributes: [attribute('LEVEL', text('notice'))] }, 'notice'],
    [{ attributes: [attribute('level', { intValue: '30' })] }, '30'],
    [{ attributes: [attribute('level', { intValue: '30' })], severityNumber: 9 }, 'info'],
    [{ attributes: [attribute('level', text(''))], ...withBody('error') }, 'error'],
    [{ attributes: [attribute('level', {})], ...withBody('error') }, 'error'],
    [{ attributes: [attribute('lEvel', text('fatal'))] }, 'unknown'],
    [{ attributes: [attribute('level', text('info')), attribute('level', text('warn'))] }, 'warn'],
    [{ attributes: [attribute('detected_level', text('Wrn')), attribute('level', text('info'))] }, 'warn'],
    [{ attributes: [attribute('level', text('info'))], severityText: 'ERROR', severityNumber: 17 }, 'info'],
    [{ severityText: 'ERROR', severityNumber: 9 }, 'error'],
    [{ severityText: 'ERROR3' }, 'error'],
    [{ severityText: 'Notice', severityNumber: 10 }, 'info'],
    [{ severityText: 'Notice', ...withBody('error') }, 'Notice'],
    [{ severityNumber: 17, ...withBody('level=info') }, 'error'],
    [{ severityNumber: 1 }, 'trace'],
    [{ severityNumber: 4 }, 'trace'],
    [{ severityNumber: 5 }, 'debug'],
    [{ severityNumber: 12 }, 'info'],
    [{ severityNumber: 13 }, 'warn'],
    [{ severityNumber: 21 }, 'fatal'],
    [{ severityNumber: 24 }, 'fatal'],
    [{ severityNumber: 25, ...withBody('error') }, 'unknown'],
    [{ severityNumber: -3, ...withBody('error') }, 'unknown'],
    [{ body: { kvlistValue: { values: [attribute('level', text('warn'))] } } }, 'warn'],
    [{ body: { arrayValue: { values: [text('error')] } } }, 'error'],
    [{ body: { intValue: '7' } }, 'unknown'],
    [{}, 'unknown'],
  ];
  it('is found in attributes, the severity and bodies of every type', () => {
    const found = levelsOf(records.map(([record]) => record));
    assert.deepEqual(
      records.map(([record], i) => [record, found[i]]),
      records,
    );
  });

  it('is found in attributes of the resource and the scope, by the best name of all', () => {
    const [info, notice] = [
      attribute('level', text('info')),
      attribute('severity', text('Notice of some length')),
    ];
    const logRecords = [
      { attributes: [attribute('level', text('err'))] },
      { attributes: [attribute('severity', text('trace'))] },
      { attributes: [attribute('lvl', text('dbg'))] },
      { severityText: 'WARN' },
      { severityNumber: 21 },
      withBody('level=error'),
      { attributes: [attribute('level', text(''))], ...withBody('error') },
    ];
    const levels = (resource: object[], scope: object[]) => {
      const { batch, results } = decoder.decode(
        [
          jsonPayload({
            resourceLogs: [
              {
                resource: { attributes: resource },
                scopeLogs: [{ scope: { attributes: scope }, logRecords }],
              },
              { scopeLogs: [{ logRecords: [withBody('error')] }] },
            ],
          }),
        ],
        Infinity,
      );
      assert.ok(results[0]?.ok);
      return rowsOf(batch, 'logs').map((row) => row['detected_level']);
    };
    const all = 'info';
    assert.deepEqual(levels([info], []), ['error', all, all, all, all, all, all, 'error']);
    assert.deepEqual(levels([], [info]), ['error', all, all, all, all, all, all, 'error']);
    assert.deepEqual(levels([notice], [info]), levels([], [info]));
    assert.deepEqual(levels([info], [notice]), levels([info], []));
    const long = 'Notice of some length';
    assert.deepEqual(levels([notice], []), ['error', 'trace', long, long, 'fatal', long, long, 'error']);
    assert.deepEqual(levels([attribute('lvl', { intValue: '3' })], []), [
      'error',
      'trace',
      'debug',
      '3',
      'fatal',
      '3',
      '3',
      'error',
    ]);
    assert.deepEqual(levels([attribute('level', text(''))], [attribute('level', {})]), levels([], []));
  });

  it('never takes text beyond the line', () => {
    assert.deepEqual(levelsOf([withBody('{"level":"'), withBody('error')]), ['unknown', 'error']);
    assert.deepEqual(levelsOf([withBody('err'), withBody('or')]), ['error', 'unknown']);
    assert.deepEqual(levelsOf([withBody('level='), withBody('error')]), ['unknown', 'error']);
  });
});
