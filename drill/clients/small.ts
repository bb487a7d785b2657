/** Clients from npm and PyPI, which take a second or two each. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Client } from '@elastic/elasticsearch';
import { pinoLoki } from 'pino-loki';
import winston from 'winston';
import LokiTransport from 'winston-loki';
import { assertRecent, bearer, logsOf, type ClientCheck, type Door } from './check.js';

const run = promisify(execFile);

/** Those whose Python lies in `venv`. */
export function pythonClients(venv: string): ClientCheck[] {
  const python = async (script: string, ...args: string[]) => {
    const { stdout } = await run(
      join(venv, 'bin/python'),
      [resolve('test/clients/python', script), ...args],
      {
        timeout: 60_000,
      },
    );
    return stdout.trim();
  };
  return [
    {
      name: "elasticsearch-py's bulk helper",
      async run(door) {
        const answer = await python('elastic_bulk.py', door.url, door.key, 'es-py', '120');
        assert.equal(answer, '120 1', 'sent, and refused for its time');
        const logs = await logsOf(door, 'es-py', 120);
        const second = logs.find(({ body }) => body === 'document 1 of Python');
        assert.deepEqual(
          [second?.level, second?.format, second?.attributes],
          [
            'warn',
            'elasticsearch_bulk',
            {
              'http.response.status_code': 201,
              ratio: 0.5,
              ok: true,
              nothing: null,
              tags: ['a', 'ü'],
              _index: 'logs-py',
            },
          ],
        );
        assertRecent(second?.ms ?? 0);
      },
    },
    {
      name: 'python-logging-loki',
      async run(door) {
        await python('logging_loki_handler.py', door.url, door.key, 'loki-py');
        const [warning, debug] = await logsOf(door, 'loki-py', 2);
        assert.deepEqual(
          [warning?.body, warning?.level, warning?.resource],
          [
            'card ünï refused',
            'warn',
            {
              'service.name': 'loki-py',
              app: 'loki-py',
              severity: 'warning',
              logger: 'shop.cart',
              tenant_id: 't1',
            },
          ],
        );
        assert.deepEqual([debug?.body, debug?.level], ['two\nlines', 'debug']);
        assertRecent(debug?.ms ?? 0);
      },
    },
  ];
}

async function sendWithWinston({ url, key }: Door, service: string, json: boolean): Promise<void> {
  const transport = new LokiTransport({
    host: url,
    headers: bearer(key),
    labels: { app: service },
    json,
    interval: 1,
    format: winston.format.json(),
    onConnectionError: (error) => {
      throw error;
    },
  });
  const logger = winston.createLogger({ level: 'debug', transports: [transport] });
  logger.error('card refused', { labels: { shop: 'a b' }, user: 'ünï' });
  logger.debug('looked up');
  await transport.flush();
  logger.end();
  await once(logger, 'finish');
}

export const nodeClients: readonly ClientCheck[] = [
  ...[true, false].map((json): ClientCheck => ({
    name: `winston-loki, ${json ? 'JSON' : 'protobuf'}`,
    async run(door) {
      const service = `winston-${json ? 'json' : 'proto'}`;
      await sendWithWinston(door, service, json);
      const logs = await logsOf(door, service, 2);
      assert.deepEqual(
        logs.map(({ level, resource }) => [level, resource]),
        [
          ['error', { 'service.name': service, app: service, level: 'error', shop: 'a b' }],
          ['debug', { 'service.name': service, app: service, level: 'debug' }],
        ],
      );
      assert.match(logs[0]?.body ?? '', /card refused.*ünï/);
    },
  })),
  {
    name: 'pino-loki',
    async run({ url, key, ...rest }) {
      const transport = pinoLoki({
        host: url,
        labels: { app: 'pino' },
        batching: false,
        headers: bearer(key),
        silenceErrors: false,
      });
      const at = Date.now();
      transport.write(
        `${JSON.stringify({ level: 50, time: at, msg: 'card refused', pid: 1, hostname: 'h' })}\n`,
      );
      transport.end();
      const [log] = await logsOf({ url, key, ...rest }, 'pino', 1);
      assert.deepEqual([log?.level, log?.ms, log?.resource['level']], ['error', at, 'error']);
      assert.match(log?.body ?? '', /card refused/);
    },
  },
  {
    name: "@elastic/elasticsearch's bulk helper",
    async run(door) {
      const auth =
        door.key === '' ? {} : { auth: { apiKey: Buffer.from(`id:${door.key}`).toString('base64') } };
      const elastic = new Client({ node: `${door.url}/elasticsearch`, compression: true, ...auth });
      const at = new Date();
      const { successful, failed } = await elastic.helpers.bulk({
        datasource: Array.from({ length: 100 }, (_, i) => ({
          '@timestamp': at.toISOString(),
          message: `document ${i}`,
          service: { name: 'es-js' },
          nested: { list: [{ a: 1 }], deep: { x: 'é' } },
        })),
        onDocument: () => ({ create: { _index: 'logs-js' } }),
        flushBytes: 5000,
      });
      await elastic.close();
      assert.deepEqual([successful, failed], [100, 0]);
      const logs = await logsOf(door, 'es-js', 100);
      assert.equal(new Set(logs.map(({ body }) => body)).size, 100);
      assert.equal(logs[7]?.ms, at.getTime());
      assert.deepEqual(logs[7]?.attributes, {
        'nested.list': [{ a: 1 }],
        'nested.deep.x': 'é',
        _index: 'logs-js',
      });
    },
  },
];
