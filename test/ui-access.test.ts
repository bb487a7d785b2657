import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { noBrowser, openBrowser, seriousFindings } from './support/browser.js';
import { startServer, type TestServer } from './support/server.js';

describe('the files of the web pages', { skip: noBrowser }, () => {
  let server: TestServer;
  const keys = { CANARDSTACK_API_KEY: 'reader-key', CANARDSTACK_ADMIN_API_KEY: 'admin-key' };
  before(async () => {
    server = await startServer({ env: keys });
  });
  after(async () => {
    await server?.stop();
  });
  const get = (path: string, headers: Record<string, string> = {}) => fetch(server.url + path, { headers });

  it('are compressed, cached by their names, and under a strict policy', async () => {
    const index = await get('/', { 'accept-encoding': 'br' });
    assert.equal(index.headers.get('content-encoding'), 'br');
    assert.equal(index.headers.get('cache-control'), 'no-cache');
    assert.match(
      index.headers.get('content-security-policy') ?? '',
      /default-src 'none'; script-src 'self';/,
    );
    const html = await index.text();
    assert.equal(
      (await get('/', { 'if-none-match': index.headers.get('etag') ?? '', 'accept-encoding': 'br' })).status,
      304,
    );
    const [script = ''] = /\/ui\/assets\/[^"]+\.js/.exec(html) ?? [];
    const asset = await get(script, { 'accept-encoding': 'gzip, br;q=0' });
    assert.equal(asset.headers.get('content-encoding'), 'gzip');
    assert.match(asset.headers.get('cache-control') ?? '', /immutable/);
    assert.equal(await (await get('/ui/logs', { 'accept-encoding': 'identity' })).text(), html);
    assert.deepEqual(
      [(await get('/ui/assets/no.js')).status, (await get('/ui/../package.json')).status],
      [404, 404],
    );
    assert.deepEqual(
      ((await (await get('/nothing')).json()) as { error: { code: string } }).error.code,
      'not_found',
    );
  });

  it('need a session, or a key, for telemetry; a session needs its token for a change', async () => {
    const query = '/loki/api/v1/labels';
    const admin = { method: 'POST', body: JSON.stringify({ sql: 'SELECT 1' }) };
    const json = { 'content-type': 'application/json' };
    const signIn = (key: string, headers = {}) =>
      fetch(`${server.url}/ui/session`, {
        method: 'POST',
        headers: { ...json, ...headers },
        body: JSON.stringify({ key }),
      });
    assert.equal((await get(query)).status, 401);
    assert.equal((await signIn('reader-key', { 'sec-fetch-site': 'cross-site' })).status, 403);

    const reader = await signIn('reader-key');
    const set = reader.headers.get('set-cookie') ?? '';
    assert.match(set, /^canardstack_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    const cookie = { cookie: set.split(';', 1)[0] ?? '' };
    assert.equal((await get(query, cookie)).status, 200);
    assert.equal((await get('/metrics', cookie)).status, 200);
    assert.equal((await get('/api/admin/config', cookie)).status, 401);
    const { csrf } = (await reader.json()) as { csrf: string };
    assert.equal(
      (await fetch(`${server.url}/v1/logs`, { ...admin, headers: { ...json, ...cookie } })).status,
      401,
    );

    const asAdmin = await signIn('admin-key');
    const adminCookie = { cookie: (asAdmin.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '' };
    const token = ((await asAdmin.json()) as { csrf: string }).csrf;
    const ask = (headers: Record<string, string>) =>
      fetch(`${server.url}/api/admin/sql`, { ...admin, headers: { ...json, ...adminCookie, ...headers } });
    assert.equal((await ask({})).status, 403);
    assert.equal((await ask({ 'x-canardstack-csrf': csrf })).status, 403);
    assert.equal((await ask({ 'x-canardstack-csrf': token, 'sec-fetch-site': 'cross-site' })).status, 403);
    assert.equal((await ask({ 'x-canardstack-csrf': token })).status, 200);

    const out = { method: 'DELETE', headers: { ...adminCookie, 'x-canardstack-csrf': token } };
    assert.equal((await fetch(`${server.url}/ui/session`, out)).status, 200);
    assert.equal((await get('/api/admin/config', adminCookie)).status, 401);
  });

  it('ask for the key, and for the admin key where it is needed', async () => {
    const browser = await openBrowser();
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(20_000);
      const enter = async (key: string) => {
        await page.getByLabel('API key').fill(key);
        await page.getByRole('button', { name: 'Sign in' }).click();
      };
      await page.goto(`${server.url}/ui/logs?from=now-3h`);
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      assert.deepEqual(await seriousFindings(page), []);
      await enter('not-the-key');
      await page.getByText('the API key is not valid').waitFor();
      await enter('reader-key');
      await page.getByText('No lines match in this time range.').waitFor();
      await page.getByRole('link', { name: 'SQL' }).click();
      await page.getByText('This page needs the admin key.').waitFor();
      await enter('admin-key');
      await page.getByText('v_logs', { exact: true }).waitFor();
      assert.equal(await page.evaluate('document.cookie'), '');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByText('This server asks for a key.').waitFor();
    } finally {
      await browser.close();
    }
  });

  it('take only so many wrong keys from an address', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 11; i++) {
      const response = await fetch(`${server.url}/ui/session`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ key: `wrong-${i}` }),
      });
      statuses.push(response.status);
    }
    assert.deepEqual(statuses, [...Array<number>(9).fill(401), 429, 429]);
    assert.match(await server.logs(), /"outcome":"wrong_key".*"sign-in"/);
    assert.doesNotMatch(await server.logs(), /wrong-3|reader-key/);
  });
});
