import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { logsRequest, metricsRequest, spansRequest } from './support/otlp.js';
import { eventually, sql, startServer, type TestServer } from './support/server.js';

const main = fileURLToPath(new URL('../src/cli/bin.cjs', import.meta.url));
const [apiKey, adminKey] = ['agents-key', 'admins-key'];
const traceId = '0af7651916cd43dd8448eb211c80319c';
const names = [
  ...['services', 'search_logs', 'traceql', 'trace', 'metrics', 'promql', 'logql', 'sql', 'schema'],
];

let server: TestServer;

function id(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex');
}

before(async () => {
  server = await startServer({ env: { CANARDSTACK_API_KEY: apiKey, CANARDSTACK_ADMIN_API_KEY: adminKey } });
  const now = BigInt(Date.now()) * 1_000_000n;
  const ms = 1_000_000n;
  const trace = { traceId: id(traceId) };
  const [shop, bank] = [{ 'service.name': 'shop' }, { 'service.name': 'bank' }];
  const bodies: [string, Uint8Array][] = [
    [
      'traces',
      spansRequest(shop, [
        { ...trace, spanId: id('0000000000000001'), name: 'POST /pay', startNs: now - 900n * ms, endNs: now },
        {
          ...{ ...trace, spanId: id('0000000000000002'), parentSpanId: id('0000000000000001') },
          ...{ name: 'call bank', kind: 3, startNs: now - 800n * ms, endNs: now },
        },
      ]),
    ],
    [
      'traces',
      spansRequest(bank, [
        {
          ...{ ...trace, spanId: id('0000000000000003'), parentSpanId: id('0000000000000002') },
          ...{ name: 'charge', startNs: now - 700n * ms, endNs: now - 100n * ms, status: 2 },
          attributes: { 'card.kind': 'gold' },
        },
      ]),
    ],
    [
      'logs',
      logsRequest(bank, [
        {
          timeNs: now,
          body: 'card refused',
          severityText: 'ERROR',
          severity: 17,
          traceId: id(traceId),
          spanId: id('0000000000000003'),
        },
        ...Array.from({ length: 400 }, (_, i) => ({
          ...{ timeNs: now - BigInt(i + 1) * ms },
          body: `line ${i} ${'x'.repeat(300)}`,
        })),
      ]),
    ],
    [
      'metrics',
      metricsRequest(
        shop,
        [{ name: 'queue.length', kind: 'gauge', points: [{ timeNs: now, value: 12 }] }],
        now - 1000n * ms,
      ),
    ],
  ];
  for (const [path, body] of bodies) {
    const sent = await fetch(`${server.url}/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', 'x-api-key': apiKey },
      body: Buffer.from(body),
    });
    assert.equal(sent.status, 200);
  }
  const asked = { url: server.url, headers: { 'x-api-key': adminKey } };
  await eventually(async () => {
    const [row] = await sql(
      asked,
      'SELECT (SELECT count(*) FROM spans) AS spans, (SELECT count(*) FROM logs) AS logs, (SELECT count(*) FROM metric_gauge) AS points',
    );
    return row?.['spans'] === 3 && row['logs'] === 401 && row['points'] === 1 ? true : undefined;
  });
});

after(async () => {
  await server.stop();
  await rm(server.dataDir, { recursive: true, force: true });
});

type Era = 'legacy' | 'auto';

async function overHttp(key: string, era: Era = 'legacy'): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: era } });
  const headers = { authorization: `Bearer ${key}` };
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), { requestInit: { headers } }),
  );
  return client;
}

async function overStdio(era: Era, url = server.url): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: era } });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [main, 'mcp', '--url', url],
      env: { CANARDSTACK_API_KEY: apiKey, CANARDSTACK_ADMIN_API_KEY: adminKey },
    }),
  );
  return client;
}

interface Said {
  readonly text: string;
  readonly failed: boolean;
}

async function call(client: Client, name: string, given: Record<string, unknown> = {}): Promise<Said> {
  const result = await client.callTool({ name, arguments: given });
  const [content] = result.content as { type: string; text: string }[];
  return { text: content?.text ?? '', failed: result.isError === true };
}

const questions: [tool: string, given: Record<string, unknown>, expected: RegExp][] = [
  ['services', {}, /^bank \| 1 \| 1 \(100\.00%\) \| 600\.0 ms .*\| 401 \| 1$/m],
  [
    'search_logs',
    { level: 'error' },
    /^1 lines.*\n\S+ error bank trace=0af7651916cd43dd8448eb211c80319c \| card refused$/,
  ],
  [
    'search_logs',
    { service: 'bank', contains: 'line 7 ', attributes: true },
    /line 7 x+.*\n {4}\{.*service_name="bank"/,
  ],
  ['search_logs', { trace_id: traceId.toUpperCase() }, /^1 lines/],
  ['search_logs', { service: 'no "such' }, /^No log lines/],
  [
    'traceql',
    { query: '{ status = error }' },
    new RegExp(`^1 traces\n${traceId} .*shop: POST /pay \\(3 spans of 2 services, 1 failed\\)`),
  ],
  [
    'traceql',
    { query: '{ } | count_over_time() by (resource.service.name)', instant: true },
    /\{resource\.service\.name="shop"\} 2$/m,
  ],
  [
    'trace',
    { trace_id: traceId },
    /^shop: POST \/pay \(server\) \+0 µs took 900\.0 ms\n {2}shop: call bank \(client\) \+100\.0 ms took 800\.0 ms\n {4}bank: charge \(server\) \+200\.0 ms took 600\.0 ms FAILED\n {8}card\.kind=gold$/m,
  ],
  ['trace', { trace_id: 'ab' }, /^No trace ab/],
  ['metrics', { contains: 'queue' }, /^1 names\nqueue_length$/],
  ['metrics', { name: 'queue_length' }, /^gauge\n1 series; labels:\n(.*\n)*\s+service_name: shop/],
  ['promql', { query: 'queue_length', instant: true }, /service_name="shop".* 12$/],
  [
    'promql',
    { query: 'sum(queue_length) or vector(1)', since: '10m', step: '30s' },
    /21 points, last 12, min 1, max 12, mean/,
  ],
  [
    'logql',
    { query: 'sum(count_over_time({service_name="bank"}[5m]))', instant: true },
    /^1 series\n\{\} 401$/,
  ],
  [
    'sql',
    { sql: 'SELECT span_name FROM spans ORDER BY ALL' },
    /^span_name\nPOST \/pay\ncall bank\ncharge\n\(3 rows\)$/,
  ],
  ['schema', {}, /^spans: timestamp,.*\n(.*\n)*views: v_logs/m],
  ['schema', { table: 'v_traces' }, /^trace_id VARCHAR\n/],
];

const connections: [string, () => Promise<Client>, typeof questions][] = [
  ['HTTP', () => overHttp(adminKey), questions],
  ['HTTP, protocol of 2026', () => overHttp(adminKey, 'auto'), questions.slice(0, 1)],
  ['standard input and output', () => overStdio('legacy'), questions.slice(0, 1)],
  ['standard input and output, protocol of 2026', () => overStdio('auto'), questions],
];

describe('agents', () => {
  for (const [title, connect, asked] of connections) {
    it(`answers over ${title}`, async () => {
      const client = await connect();
      try {
        const { tools } = await client.listTools();
        assert.deepEqual(
          tools.map(({ name }) => name),
          names,
        );
        for (const { name, annotations } of tools) assert.equal(annotations?.readOnlyHint, true, name);
        for (const [tool, given, expected] of asked) {
          const said = await call(client, tool, given);
          assert.match(said.text, expected, `${tool} ${JSON.stringify(given)}: ${said.text.slice(0, 2000)}`);
          assert.equal(said.failed, false);
        }
      } finally {
        await client.close();
      }
    });
  }

  it('tells what is wrong with a question, and changes nothing', async () => {
    const client = await overHttp(adminKey);
    const wrong: [string, Record<string, unknown>, RegExp][] = [
      ['sql', { sql: 'DROP TABLE spans' }, /only a SELECT/],
      ['sql', { sql: "SELECT * FROM read_csv('/etc/passwd')" }, /read_csv/],
      ['sql', { sql: 'SELECT 1', max_rows: 100_000 }, /max_rows/],
      ['logql', { query: '{service_name=' }, /parse error/],
      ['promql', { query: 'sum(' }, /parse error/],
      ['traceql', { query: '{ foo' }, /./],
      ['promql', { query: 'up', since: 'long' }, /^since: /],
      ['promql', { query: 'up', start: 'yesterday' }, /^start: /],
      ['search_logs', { start: '2026-01-02', end: '2026-01-01' }, /^start: /],
      ['search_logs', { level: 'loud' }, /level/],
      ['trace', { trace_id: 'no id' }, /trace_id/],
      ['trace', {}, /trace_id/],
    ];
    for (const [tool, given, expected] of wrong) {
      const said = await call(client, tool, given);
      assert.ok(said.failed, `${tool} ${JSON.stringify(given)}: ${said.text}`);
      assert.match(said.text, expected);
      assert.doesNotMatch(said.text, /\n\s+at /);
    }
    await assert.rejects(call(client, 'no_such_tool'));
    await client.close();
  });

  it('cuts what is too long to read, and says so', async () => {
    const client = await overHttp(adminKey);
    const said = await call(client, 'search_logs', { limit: 400 });
    assert.ok(said.text.length < 25_000, String(said.text.length));
    assert.match(said.text, /more lines do not fit; shorten the range/);
    const cell = await call(client, 'sql', { sql: "SELECT repeat('y', 5000)" });
    assert.match(cell.text, /y… \(5000 characters\)/);
    await client.close();
  });

  it('gives SQL to the admin key alone, and nothing to others', async () => {
    const client = await overHttp(apiKey);
    const said = await call(client, 'sql', { sql: 'SELECT 1' });
    assert.ok(said.failed);
    assert.match(said.text, /admin key/);
    assert.match((await call(client, 'services')).text, /bank/);
    await client.close();
    const post = (headers: Record<string, string>, body: string) =>
      fetch(`${server.url}/mcp`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...{ accept: 'application/json, text/event-stream', ...headers },
        },
        body,
      });
    const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    const statuses: [Record<string, string>, string, number][] = [
      [{ 'x-api-key': apiKey }, list, 200],
      [{}, list, 401],
      [{ authorization: 'Bearer wrong' }, list, 401],
      [{ 'x-api-key': apiKey, origin: 'http://elsewhere.example' }, list, 403],
      [{ 'x-api-key': apiKey, origin: server.url }, list, 200],
      [{ 'x-api-key': apiKey }, '{', 400],
      [{ 'x-api-key': apiKey }, 'x'.repeat(2_000_000), 413],
      [{ 'x-api-key': apiKey, 'content-type': 'text/plain' }, list, 415],
    ];
    for (const [headers, body, status] of statuses) {
      const answer = await post(headers, body);
      const text = await answer.text();
      assert.equal(answer.status, status, `${JSON.stringify(headers)}: ${text.slice(0, 300)}`);
      if (status >= 400) assert.match(text, /"jsonrpc":"2.0"/);
    }
    assert.equal((await fetch(`${server.url}/mcp`, { headers: { 'x-api-key': apiKey } })).status, 405);
    const metrics = await fetch(`${server.url}/metrics`, { headers: { 'x-api-key': apiKey } });
    assert.match(await metrics.text(), /canardstack_mcp_calls_total\{tool="sql",outcome="error"\} \d/);
  });

  it('answers what is piped in, and ends with its input', async () => {
    const child = spawn(process.execPath, [main, 'mcp', '--url', server.url], {
      env: { CANARDSTACK_API_KEY: apiKey },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => void chunks.push(chunk));
    const params = {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 't', version: '1' },
    };
    const messages = [
      { jsonrpc: '2.0', id: 1, method: 'initialize', params },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'services', arguments: {} } },
    ];
    child.stdin.end(messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
    const [code] = (await once(child, 'exit')) as [number | null];
    const answers = Buffer.concat(chunks).toString('utf8').trim().split('\n');
    assert.equal(code, 0);
    assert.equal(answers.length, 2);
    assert.match(answers[1] ?? '', /bank \| 1/);
  });

  it('says that no server answers', async () => {
    const client = await overStdio('legacy', 'http://127.0.0.1:9');
    const said = await call(client, 'services');
    assert.ok(said.failed);
    assert.match(said.text, /no server answers at http:\/\/127\.0\.0\.1:9/);
    await client.close();
    const wrong = promisify(execFile)(process.execPath, [main, 'mcp', '--url', 'nowhere'], { env: {} });
    await assert.rejects(wrong, (error: { code?: number }) => error.code === 2);
  });
});
