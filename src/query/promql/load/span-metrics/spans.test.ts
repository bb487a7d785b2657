import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { testLake } from '../../../../../test/support/lake.js';
import { scriptStart } from '../../../../../test/support/promql.js';
import type { QueryContext, QueryGuard } from '../../../server/guard.js';
import { execute } from '../../exec/engine.js';
import { parse } from '../../plan/prepare.js';
import { spanSource } from './spans.js';

const minute = 60_000;

/** Of a client and of the server below it, in a trace of their own. */
function request(i: number, attributes: string): Record<string, unknown>[] {
  const start = BigInt(scriptStart + i * 1000) * 1_000_000n;
  const ids = { trace_id: i.toString(16).padStart(32, '0'), status_code: i % 4 === 0 ? 2 : 0 };
  const timed = (after: bigint) => ({
    timestamp: new Date(Number((start + after) / 1_000_000n))
      .toISOString()
      .replace('T', ' ')
      .replace('Z', ''),
    start_time_unix_nano: start + after,
    end_time_unix_nano: start + after + 5_000_000n,
    duration_nano: 5_000_000n,
  });
  const [client, server] = [`c${i}`.padStart(16, '0'), `d${i}`.padStart(16, '0')];
  return [
    {
      ...ids,
      ...timed(0n),
      span_id: client,
      span_kind: 3,
      service_name: `web-${i % 3}`,
      span_attributes: attributes,
    },
    {
      ...{ ...ids, ...timed(1_000_000n), span_id: server, span_kind: 2, service_name: 'shop' },
      ...{ parent_span_id: i % 5 === 0 ? null : client, span_attributes: attributes },
    },
  ];
}

const few = ['"postgresql"', '""', '7', 'null', '{"a":1}', '["x"]', 'true', '"a\\"b"'];
const cases = {
  none: ['{}', '{"http.route":"/a"}'],
  few: [
    ...few.map((value) => `{"db.system.name":${value}}`),
    '{"peer.service":"bank"}',
    '{"a":"peer.service"}',
  ],
  many: [
    '{"db.name":"a"}',
    '{"server.address":"b"}',
    '{"network.peer.address":"c","network.peer.port":80}',
    '{}',
  ],
};

describe('requests between services', () => {
  for (const [name, attributes] of Object.entries(cases)) {
    it(`are the same from data files as from the table, ${name} of the attributes`, async () => {
      const lake = await testLake();
      try {
        const rows = Array.from({ length: 60 }, (_, i) =>
          request(i, attributes[i % attributes.length] ?? ''),
        );
        await lake.insert('spans', rows.flat());
        const asked = (guard: QueryGuard, expr: string) =>
          guard.run('test', new AbortController().signal, async (ctx: QueryContext) => {
            const end = scriptStart + 5 * minute;
            const result = await execute(ctx, parse(expr), {
              start: end,
              end,
              step: 0,
              lookback: 5 * minute,
            });
            return 'series' in result
              ? result.series.map(({ labels, points }) => `${labels.toString()} ${points().values[0]}`).sort()
              : [];
          });
        const peers = () =>
          lake.cached.run('test', new AbortController().signal, async (ctx) => {
            const [from, until] = [0n, 2n ** 62n];
            return (await spanSource(ctx, { from, until, where: 'TRUE' }, true)).peers;
          });
        const exprs = [
          'sum by (client, server, connection_type) (increase(traces_service_graph_request_total[10m]))',
          'increase(traces_service_graph_request_failed_total[10m])',
          'increase(traces_spanmetrics_calls_total[10m])',
          'sum by (le) (increase(traces_spanmetrics_latency_bucket[10m]))',
        ];
        for (const state of ['new', 'looked at', 'known', 'compacted', 'looked at', 'known']) {
          if (state === 'compacted') await lake.compact('spans');
          for (const expr of exprs) {
            const found = await asked(lake.cached, expr);
            assert.ok(found.length > 0, expr);
            assert.deepEqual(found, await asked(lake.guard, expr), `${expr}, ${state}`);
          }
          await lake.cache.settled();
        }
        const sql = await peers();
        if (name === 'none') assert.doesNotMatch(sql, /json/);
        else if (name === 'few') assert.match(sql, /"value:db\.system\.name"/);
        else assert.match(sql, /span_attributes/);
      } finally {
        await lake.close();
      }
    });
  }
});
