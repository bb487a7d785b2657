import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import { testLake, type TestLake } from '../../test/support/lake.js';
import { metricPoint, scriptStart } from '../../test/support/promql.js';
import { createTelemetry } from '../telemetry/index.js';
import { lokiApi } from './logql/index.js';
import { prometheusApi } from './promql/index.js';
import { tempoApi } from './traceql/index.js';

/** What every JavaScript object has. */
const names = ['constructor', '__proto__', 'toString', 'valueOf', 'hasOwnProperty', 'isPrototypeOf'];
const start = scriptStart / 1000;
const range = `start=${start - 60}&end=${start + 60}`;
const text = encodeURIComponent;

/** JSON text of an object with one property of any name. */
const attributes = (name: string, value: string) => `{${JSON.stringify(name)}:${JSON.stringify(value)}}`;

describe('names from outside', () => {
  let lake: TestLake;
  let app: FastifyInstance;

  before(async () => {
    lake = await testLake();
    const at = { timestamp: new Date(scriptStart).toISOString().replace('T', ' ').replace('Z', '') };
    for (const [i, name] of names.entries()) {
      await lake.insert('metric_gauge', [
        { ...metricPoint(scriptStart, name), metric_attributes: attributes(name, 'x'), value: i },
      ]);
      await lake.insert('logs', [
        {
          ...at,
          time_unix_nano: BigInt(scriptStart) * 1_000_000n,
          service_name: 'names',
          body: attributes(name, 'of the line'),
          log_attributes: attributes(name, 'x'),
        },
      ]);
      await lake.insert('spans', [
        {
          ...at,
          trace_id: 'ab'.repeat(16),
          span_id: `0${i}`.repeat(8),
          span_name: 'names',
          service_name: 'names',
          start_time_unix_nano: BigInt(scriptStart) * 1_000_000n,
          end_time_unix_nano: BigInt(scriptStart + 20) * 1_000_000n,
          duration_nano: 20_000_000n,
          span_attributes: attributes(name, 'x'),
        },
      ]);
    }
    await lake.insert('logs', [
      { ...at, time_unix_nano: BigInt(scriptStart) * 1_000_000n, service_name: 'two\nlines', body: 'b' },
    ]);
    await lake.insert('spans', [
      {
        ...at,
        trace_id: 'cd'.repeat(16),
        span_id: '11'.repeat(8),
        span_name: 'nul',
        service_name: 'nul',
        start_time_unix_nano: BigInt(scriptStart) * 1_000_000n,
        end_time_unix_nano: BigInt(scriptStart + 20) * 1_000_000n,
        duration_nano: 20_000_000n,
        span_attributes: attributes('k', 'a\0b'),
      },
    ]);
    app = fastify();
    const deps = { guard: lake.guard, telemetry: createTelemetry('silent') };
    for (const api of [prometheusApi, lokiApi, tempoApi]) await app.register(api(deps));
  });
  after(async () => {
    await app.close();
    await lake.close();
  });

  const get = async (url: string): Promise<string> => {
    const answer = await app.inject({ url });
    assert.equal(answer.statusCode, 200, `${url}: ${answer.body}`);
    return answer.body;
  };
  const has = async (url: string, wanted: string) => {
    const body = await get(url);
    assert.ok(body.includes(wanted), `${decodeURIComponent(url)} lacks ${wanted}: ${body}`);
  };

  for (const name of names) {
    it(`may be ${name}`, async () => {
      const own = `${JSON.stringify(name)}:"x"`;
      const prometheus = (query: string) => `/api/v1/query?time=${start}&query=${text(query)}`;
      await has(prometheus(name), `"__name__":"${name}"`);
      await has(prometheus(`${name}{${name}="x"}`), own);
      await has(prometheus(`sum by (${name}) (${name})`), `{${own}}`);
      await has(`/api/v1/labels?${range}`, `"${name}"`);
      await has(`/api/v1/label/${name}/values?${range}`, '"x"');
      await has(`/api/v1/series?${range}&match[]=${name}`, own);
      await has(`/api/v1/metadata?${range}`, `"${name}":[{`);

      const loki = (query: string) => `/loki/api/v1/query_range?${range}&step=60&query=${text(query)}`;
      // Loki's pipeline keeps labels of two underscores for itself: they can be asked for and are not shown.
      const shown = (wanted: string) => (name.startsWith('__') ? '"status":"success"' : wanted);
      await has(loki(`{${name}="x"}`), shown(own));
      await has(loki(`{service_name="names"} | ${name}="x"`), shown(own));
      await has(
        loki(`{service_name="names"} | json ${name}_line="[\\"${name}\\"]" | drop ${name}`),
        shown('of the line'),
      );
      await has(loki(`sum by (${name}) (count_over_time({service_name="names"}[1m]))`), shown(`{${own}}`));
      await has(
        loki(`{${name}="x"} | line_format "<{{ .${name} }}>" | label_format ${name}="y"`),
        shown('"<x>"'),
      );
      await has(`/loki/api/v1/label/${name}/values?${range}`, shown('"x"'));
      if (!name.startsWith('__')) {
        await has(
          `/loki/api/v1/detected_fields?${range}&query=${text('{service_name="names"}')}`,
          `"${name}"`,
        );
      }

      const tempo = `q=${text(`{ span.${name} = "x" } | select(span.${name})`)}`;
      await has(`/api/search?${range}&${tempo}`, `{"key":"${name}","value":{"stringValue":"x"}}`);
      await has(`/api/v2/search/tags?${range}&scope=span`, `"${name}"`);
      await has(`/api/v2/search/tag/span.${name}/values?${range}`, '"x"');
      await has(
        `/api/metrics/query_range?${range}&step=60s&q=${text(`{} | rate() by (span.${name})`)}`,
        `{"key":"span.${name}","value":{"stringValue":"x"}}`,
      );
      await has(`/api/traces/${'ab'.repeat(16)}`, `{"key":"${name}"`);
    });
  }

  it('values may hold newlines and NUL', async () => {
    const loki = (query: string) => `/loki/api/v1/query_range?${range}&query=${text(query)}`;
    await has(loki('{service_name=~"two.lines"}'), 'two\\nlines');
    assert.match(await get(loki('{service_name=~".+"} | service_name=~"two.lines"')), /"result":\[\]/);
    await has(`/api/search?${range}&q=${text('{ span.k = "a\\x00b" }')}`, '"traces":[{');
    await has(`/api/search?${range}&q=${text('{ span.k =~ "a.b" }')}`, '"traces":[{');
  });
});
