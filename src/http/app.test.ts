import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { eventually } from '../../test/support/server.js';
import { rawExchange, recordedTelemetry } from '../../test/support/wire.js';
import { closeHttpApp, createHttpApp, HttpError, type HttpAppOptions } from './index.js';

const open = { bind: '127.0.0.1:0', apiKey: undefined, adminApiKey: undefined };
const probe =
  (path: string): FastifyPluginAsync =>
  async (app) => {
    app.get(path, () => ({ path }));
    app.post(path, () => ({ path }));
  };
const scopes = { ingest: [probe('/in')], query: [probe('/q')], admin: [probe('/adm')] };

describe('HTTP application', () => {
  let app: FastifyInstance;
  let url: string;
  let port: number;
  const telemetry = () => recordedTelemetry();

  async function start(options: Partial<HttpAppOptions> = {}): Promise<void> {
    app = await createHttpApp({
      config: open,
      telemetry: telemetry(),
      ready: async () => ({ ready: true, reasons: [] }),
      ...options,
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
    port = (app.server.address() as AddressInfo).port;
    url = `http://127.0.0.1:${port}`;
  }
  const status = async (path: string, headers: Record<string, string> = {}) =>
    (await fetch(url + path, { headers })).status;
  afterEach(() => closeHttpApp(app, 0));

  it('tells health and readiness', async () => {
    let ready: () => Promise<{ ready: boolean; reasons: string[] }> = async () => ({
      ready: true,
      reasons: [],
    });
    const recorded = recordedTelemetry();
    await start({ telemetry: recorded, ready: () => ready() });
    const health = await fetch(`${url}/healthz`);
    assert.equal(health.status, 200);
    assert.deepEqual(await health.json(), { status: 'ok' });
    assert.equal(await status('/readyz'), 200);
    const healthy = await fetch(`${url}/-/healthy`);
    assert.equal(healthy.status, 200);
    assert.equal(await healthy.text(), 'canardstack is Healthy.\n');
    assert.equal(await status('/-/ready'), 200);
    assert.equal(await status('/ready'), 200);
    assert.equal(await status('//-//ready'), 200);
    ready = async () => ({ ready: false, reasons: ['the lake is away'] });
    const not = await fetch(`${url}/readyz`);
    assert.equal(not.status, 503);
    assert.deepEqual(await not.json(), { status: 'not_ready', reasons: ['the lake is away'] });
    assert.equal(await status('/-/ready'), 503);
    ready = () => Promise.reject(new Error('secret'));
    const failing = await fetch(`${url}/readyz`);
    assert.equal(failing.status, 503);
    assert.doesNotMatch(await failing.text(), /secret/);
    assert.match(recorded.lines(), /secret/);
  });

  it('asks each scope for its key', async () => {
    await start({ config: { ...open, apiKey: 'api key 1', adminApiKey: 'admin key 1' }, ...scopes });
    const api = { authorization: 'Bearer api key 1' };
    const admin = { 'x-api-key': 'admin key 1' };
    const grafana = { authorization: `Basic ${Buffer.from('grafana:api key 1').toString('base64')}` };
    const expected: [string, number, number, number, number][] = [
      // path, no key, API key, admin key, Basic
      ['/healthz', 200, 200, 200, 200],
      ['/readyz', 200, 200, 200, 200],
      ['/metrics', 401, 200, 200, 200],
      ['/in', 401, 200, 401, 200],
      ['/q', 401, 200, 401, 200],
      ['/adm', 401, 401, 200, 401],
    ];
    for (const [path, none, withApi, withAdmin, withBasic] of expected) {
      assert.deepEqual(
        [await status(path), await status(path, api), await status(path, admin), await status(path, grafana)],
        [none, withApi, withAdmin, withBasic],
        path,
      );
    }
    const query = await fetch(`${url}/q`);
    assert.equal(query.headers.get('www-authenticate'), 'Bearer');
    assert.equal(((await query.json()) as { errorType: string }).errorType, 'unauthenticated');
  });

  it('lets the API key into admin when admin has none of its own', async () => {
    await start({ config: { ...open, apiKey: 'api key 1' }, ...scopes });
    assert.equal(await status('/adm', { 'x-api-key': 'api key 1' }), 200);
    assert.equal(await status('/adm'), 401);
  });

  it('keeps foreign web pages out while no key is set', async () => {
    await start(scopes);
    const raw = (path: string, host: string, extra = '') =>
      rawExchange(port, `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${extra}\r\n`);
    for (const path of ['/q', '/adm']) {
      assert.match(await raw(path, `localhost:${port}`), /^HTTP\/1\.1 200/);
      assert.match(await raw(path, `[::1]:${port}`), /^HTTP\/1\.1 200/);
      assert.match(await raw(path, `evil.example:${port}`), /^HTTP\/1\.1 403/);
      assert.match(await raw(path, 'localhost', 'Sec-Fetch-Site: cross-site\r\n'), /^HTTP\/1\.1 403/);
      assert.match(await raw(path, 'localhost', 'Sec-Fetch-Site: same-origin\r\n'), /^HTTP\/1\.1 200/);
    }
  });

  it('leaves that to whoever allowed requests without a key', async () => {
    await start({ ...scopes, config: { ...open, allowUnauthenticated: true } });
    const proxied = 'GET /q HTTP/1.1\r\nHost: telemetry.example\r\nConnection: close\r\n\r\n';
    assert.match(await rawExchange(port, proxied), /^HTTP\/1\.1 200/);
  });

  it('answers JSON to unknown paths and to errors, without detail', async () => {
    const recorded = recordedTelemetry();
    const failing: FastifyPluginAsync = async (scope) => {
      scope.get('/boom', () => {
        throw new Error('SELECT secret');
      });
      scope.get('/teapot', () => {
        throw new HttpError(418, 'not_available', 'short and stout', { 'x-spout': 'yes' });
      });
      scope.post('/json', () => ({}));
    };
    await start({ telemetry: recorded, query: [failing] });
    const unknown = await fetch(`${url}/nope?token=abc`);
    assert.equal(unknown.status, 404);
    assert.deepEqual(await unknown.json(), {
      error: { code: 'not_found', message: 'no such endpoint: GET /nope' },
    });
    const unknownApi = await fetch(`${url}/api/v1/nope?token=abc`);
    assert.equal(unknownApi.status, 404);
    assert.deepEqual(await unknownApi.json(), {
      status: 'error',
      errorType: 'not_found',
      error: 'no such endpoint: GET /api/v1/nope',
    });
    const unknownLoki = await fetch(`${url}/loki/api/v1/nope?token=abc`);
    assert.equal(unknownLoki.status, 404);
    assert.equal(await unknownLoki.text(), 'no such endpoint: GET /loki/api/v1/nope');
    for (const path of [
      '/loki/%zz',
      '/api/prom/nope',
      '/api/search/nope',
      '/api/v2/nope',
      '/api/traces/%ff',
    ]) {
      const refused = await fetch(`${url}${path}`);
      assert.match(String(refused.headers.get('content-type')), /^text\/plain/, path);
      assert.match(await refused.text(), /^(no such endpoint|the path is not percent-encoded UTF-8): /, path);
    }
    const unknownJaeger = (await (await fetch(`${url}/jaeger/api/nope`)).json()) as { errors: unknown };
    assert.deepEqual(unknownJaeger.errors, [{ code: 404, msg: 'no such endpoint: GET /jaeger/api/nope' }]);
    const noPath = await fetch(`${url}/api/v1/label/%ff/values?token=abc`);
    assert.equal(noPath.status, 400);
    assert.deepEqual(await noPath.json(), {
      status: 'error',
      errorType: 'bad_data',
      error: 'the path is not percent-encoded UTF-8: /api/v1/label/%ff/values',
    });
    const boom = await fetch(`${url}/boom`);
    assert.equal(boom.status, 500);
    assert.deepEqual(await boom.json(), { error: { code: 'internal', message: 'internal error' } });
    assert.match(recorded.lines(), /SELECT secret/);
    const teapot = await fetch(`${url}/teapot`);
    assert.equal(teapot.status, 418);
    assert.equal(teapot.headers.get('x-spout'), 'yes');
    const bad = await fetch(`${url}/json`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    });
    assert.equal(bad.status, 400);
    assert.equal(((await bad.json()) as { error: { code: string } }).error.code, 'bad_request');
  });

  it('answers what is not HTTP, and headers that are too large', async () => {
    await start();
    assert.match(await rawExchange(port, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 Bad Request\r\n/);
    const large = `GET /healthz HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`;
    assert.match(await rawExchange(port, large), /^HTTP\/1\.1 431 /);
    assert.equal(await status('/healthz'), 200);
  });

  it('ends connections whose headers do not come', async () => {
    await start({ timeouts: { headersMs: 100, checkMs: 50 } });
    assert.match(await rawExchange(port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n'), /^HTTP\/1\.1 408 /);
  });

  it('counts open connections', async () => {
    const recorded = recordedTelemetry();
    await start({ telemetry: recorded });
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    await eventually(async () =>
      /canardstack_http_connections 1/.test(await recorded.registry.metrics()) ? true : undefined,
    );
    socket.destroy();
  });

  it('closes with requests under way: waits, then cuts', async () => {
    let started = false;
    const slow: FastifyPluginAsync = async (scope) => {
      scope.get('/slow', () => {
        started = true;
        return new Promise(() => {});
      });
    };
    await start({ query: [slow] });
    const answer = fetch(`${url}/slow`).then(
      () => 'answered',
      () => 'cut',
    );
    await eventually(async () => (started ? true : undefined));
    await closeHttpApp(app, 100);
    assert.equal(await answer, 'cut');
  });
});
