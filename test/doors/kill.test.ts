/** What every protocol acknowledged is there after a kill. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { compressSync } from 'snappy';
import { json, ns } from '../support/doors.js';
import { metricSum } from '../support/metrics.js';
import { bytes, concat, message, text, uint } from '../support/protobuf.js';
import { eventually, freePort, sql, startServer } from '../support/server.js';

describe('a kill', () => {
  it('loses nothing that a protocol acknowledged', async () => {
    const ownSyslog = await freePort();
    const own = await startServer({
      env: {
        CANARDSTACK_SEAL_INTERVAL_MS: '600000',
        CANARDSTACK_FRESHNESS_BUDGET_SLA_SECS: '3600',
        CANARDSTACK_SYSLOG_BIND: `127.0.0.1:${ownSyslog}`,
      },
    });
    const line = `{"_msg":"k","app":"killed","_time":"${new Date().toISOString()}"}`;
    const requests: [string, Record<string, string>, string | Uint8Array][] = [
      [
        '/loki/api/v1/push',
        json,
        `{"streams":[{"stream":{"app":"killed"},"values":[["${ns(Date.now())}","k"]]}]}`,
      ],
      [
        '/loki/api/v1/push',
        { 'content-type': 'application/x-protobuf' },
        compressSync(
          Buffer.from(
            message(
              1,
              text(1, '{app="killed"}'),
              message(2, message(1, uint(1, Math.floor(Date.now() / 1000))), text(2, 'k')),
            ),
          ),
        ),
      ],
      ['/_bulk', json, `{"create":{}}\n${line}\n{"create":{}}\n${line}\n`],
      ['/elasticsearch/x/_doc', json, line],
      ['/insert/jsonline?extra_fields=a=b', json, line],
      ['/api/v2/logs', json, line],
      ['/services/collector', json, `{"event":${line}}`],
      ['/services/collector/raw', json, 'k'],
      ['/upload', { 'content-type': 'application/vnd.fdo.journal' }, 'MESSAGE=k\n\n'],
      [
        '/api/v2/spans',
        json,
        JSON.stringify([
          {
            traceId: 'a1',
            id: 'b1',
            name: 'k',
            timestamp: Date.now() * 1000,
            localEndpoint: { serviceName: 'killed' },
          },
        ]),
      ],
    ];
    const remote = concat([
      message(1, message(1, text(1, '__name__'), text(2, 'killed')), message(2, uint(2, Date.now()))),
    ]);
    const second = concat([
      ...['', '__name__', 'killed'].map((symbol) => text(4, symbol)),
      message(5, bytes(1, Uint8Array.of(1, 2)), message(2, uint(2, Date.now()))),
    ]);
    for (const [version, body] of [
      ['prometheus.WriteRequest', remote],
      ['io.prometheus.write.v2.Request', second],
    ] as const) {
      const type = `application/x-protobuf;proto=${version}`;
      requests.push(['/api/v1/write', { 'content-type': type }, compressSync(Buffer.from(body))]);
    }
    try {
      for (const [path, headers, body] of requests) {
        const answer = await fetch(own.url + path, {
          method: 'POST',
          headers,
          body: typeof body === 'string' ? body : Uint8Array.from(body),
        });
        assert.ok(answer.ok, `${path}: ${await answer.text()}`);
      }
      connect(ownSyslog, '127.0.0.1').end('<13>k: one\n<13>k: two\n12 <13>k: three');
      // It has no answers, but tells when all of it is durable.
      await eventually(async () => {
        const durable = { transport: 'syslog', code: 'ok' };
        return (await metricSum(own, 'canardstack_otlp_requests_total', durable)) > 0 ? true : undefined;
      });
    } finally {
      await own.kill();
    }
    const again = await startServer({ dataDir: own.dataDir });
    try {
      const counted = await eventually(async () => {
        const rows = await sql(
          again,
          `SELECT source_format, count(*)::INTEGER AS n FROM lake.logs GROUP BY ALL UNION ALL
           SELECT source_format, count(*)::INTEGER FROM lake.spans GROUP BY ALL UNION ALL
           SELECT source_format, count(*)::INTEGER FROM lake.metric_gauge GROUP BY ALL ORDER BY ALL`,
        );
        return rows.length === 11
          ? rows.map(({ source_format, n }) => `${String(source_format)} ${String(n)}`)
          : undefined;
      });
      assert.deepEqual(counted, [
        'datadog_json 1',
        'elasticsearch_bulk 3',
        'journald 1',
        'json_lines 1',
        'loki_json 1',
        'loki_protobuf 1',
        'prometheus_remote_write_1 1',
        'prometheus_remote_write_2 1',
        'splunk_hec 2',
        'syslog 3',
        'zipkin_json 1',
      ]);
    } finally {
      assert.equal(await again.stop(), 0);
    }
  });
});
