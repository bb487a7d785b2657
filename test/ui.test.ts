import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { noBrowser, openBrowser, seriousFindings } from './support/browser.js';
import { eventually, startServer, type TestServer } from './support/server.js';

const main = fileURLToPath(new URL('../src/cli/bin.cjs', import.meta.url));
const log = (body: string, service = 'hello') => ({
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
      scopeLogs: [
        {
          logRecords: [
            {
              timeUnixNano: `${Date.now()}000000`,
              severityNumber: 17,
              severityText: 'ERROR',
              body: { stringValue: body },
            },
          ],
        },
      ],
    },
  ],
});

async function send(url: string, path: string, body: object, headers = {}): Promise<void> {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 200, await response.text());
}

describe('the web pages', { skip: noBrowser }, () => {
  let server: TestServer;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  /** What the browser complained of: the content policy, faults of scripts. */
  const complaints: string[] = [];

  before(async () => {
    [server, browser] = await Promise.all([
      startServer({ env: { CANARDSTACK_SEAL_INTERVAL_MS: '200' } }),
      openBrowser(),
    ]);
    context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    context.setDefaultTimeout(20_000);
    page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  const shows = (text: string | RegExp) => page.getByText(text).first().waitFor();
  const open = (path: string) => page.goto(server.url + path);

  it('say how to send something while the lake is empty, and show the first record when it comes', async () => {
    await open('/');
    await page.getByRole('heading', { name: 'Send something' }).waitFor();
    await shows(`OTEL_EXPORTER_OTLP_ENDPOINT=${server.url}`);
    assert.deepEqual(await seriousFindings(page), []);
    const hostile = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';
    await send(server.url, '/v1/logs', log(hostile));
    await shows(hostile);
    assert.equal(await page.locator('main img').count(), 0);
    assert.equal(await page.title(), 'canardstack');
  });

  it('show the failing service of the demo first, and its errors', async () => {
    await promisify(execFile)(process.execPath, [
      ...[main, 'demo', '--url', server.url, '--once', '--hours', '1', '--rate', '0.4'],
    ]);
    const now = Math.ceil(Date.now() / 1000);
    const mails = `q=${encodeURIComponent('{ name = "process orders" }')}&start=${now - 600}&end=${now}`;
    await eventually(async () => {
      const found = (await (await fetch(`${server.url}/api/search?${mails}`)).json()) as {
        traces?: unknown[];
      };
      return found.traces?.length ? true : undefined;
    });
    await open('/');
    await shows('charge failed: NordBank did not answer within 3000 ms');
    await page.getByRole('row', { name: /^payment/ }).waitFor();
    const services = await page.getByRole('rowheader').allTextContents();
    assert.deepEqual(services.slice(0, 2).sort(), ['checkout', 'payment']);
    assert.ok(services.includes('mailer'), services.join());
    assert.deepEqual(await seriousFindings(page), []);
  });

  it('keep the time range in the address', async () => {
    await page.getByRole('button', { name: 'Time range' }).or(page.getByTitle('Time range')).first().click();
    await page.getByRole('button', { name: 'last 3 hours' }).click();
    assert.equal(new URL(page.url()).searchParams.get('from'), 'now-3h');
    await page.goBack();
    assert.equal(new URL(page.url()).searchParams.get('from'), null);
    await page.keyboard.press('?');
    await page.getByRole('heading', { name: 'Keyboard' }).waitFor();
    await page.keyboard.press('Escape');
  });

  it('show logs by level, filter by a click, and open the trace of a line', async () => {
    await open('/ui/logs?from=now-3h');
    await page.getByRole('button', { name: 'error', exact: true }).click();
    await page
      .getByRole('button', { name: /charge failed/ })
      .first()
      .click();
    await shows('com.shop.payment.IssuerTimeoutException');
    assert.match(new URL(page.url()).searchParams.get('q') ?? '', /level=~"error"/);
    await page.getByRole('button', { name: 'Only payment_bank NordBank' }).click();
    await shows('payment_bank = NordBank ✕');
    await page
      .getByRole('button', { name: /not placed/ })
      .first()
      .waitFor({ state: 'detached' });
    await page
      .getByRole('button', { name: /charge failed/ })
      .first()
      .waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByRole('link', { name: 'Lines around it' }).click();
    await page.locator('.line.marked', { hasText: 'charge failed' }).waitFor();
    await open('/ui/logs?from=now-3h&view=patterns');
    await page.getByRole('button', { name: 'charge failed: NordBank did not answer within' }).first().click();
    await page
      .getByRole('button', { name: /charge failed/ })
      .first()
      .click();
    await page.getByRole('link', { name: 'Show the trace' }).click();
    await page.getByRole('button', { name: 'Show where it failed: payment POST' }).click();
    await shows('NordBank did not answer within 3000 ms');
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByRole('button', { name: /^Logs \(/ }).click();
    await page.getByRole('button', { name: /charge failed/ }).waitFor();
  });

  it('show lines as they are committed, and say when the connection was lost', async () => {
    await open('/ui/logs?live=on&q={service_name="tailed"}');
    await shows('Waiting for lines…');
    const hostile = `"><svg onload="document.title='owned'"> {{constructor}} \u202e\u001b[31m`;
    await send(server.url, '/v1/logs', log(hostile, 'tailed'));
    await page.locator('.line', { hasText: '{{constructor}}' }).waitFor();
    await page.getByRole('button', { name: 'Hold' }).click();
    await send(server.url, '/v1/logs', log('while it is held', 'tailed'));
    await page.getByRole('button', { name: 'Go on (1 new)' }).click();
    await page.locator('.line', { hasText: 'while it is held' }).waitFor();
    assert.equal(await page.locator('.line svg').count(), 0);
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByRole('button', { name: '■ Stop' }).click();
  });

  it('draw ten thousand spans with hostile names and attributes, of which few are in the page', async () => {
    const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0');
    const traceId = hex(0xabc, 32);
    const hostile = `<img src=x onerror="document.title='owned'">`;
    const begun = BigInt(Date.now() - 60_000) * 1_000_000n;
    const spans = Array.from({ length: 10_000 }, (_, i) => ({
      ...{ traceId, spanId: hex(i + 1, 16), parentSpanId: i === 0 ? '' : hex(1 + Math.floor(i / 7), 16) },
      name: i === 1 ? hostile : `step ${i}`,
      kind: 1,
      startTimeUnixNano: String(begun + BigInt(i) * 1000n),
      endTimeUnixNano: String(begun + 60_000_000n),
      attributes: [
        { key: `<b>${i % 5}</b>`, value: { stringValue: i === 1 ? `${hostile}__proto__` : 'x' } },
        { key: '__proto__', value: { stringValue: 'polluted' } },
      ],
    }));
    const service = { key: 'service.name', value: { stringValue: '"><script>1</script>' } };
    await send(server.url, '/v1/traces', {
      resourceSpans: [{ resource: { attributes: [service] }, scopeSpans: [{ spans }] }],
    });
    await eventually(async () => {
      const found = await fetch(`${server.url}/api/v2/traces/${traceId}`);
      return (await found.text()).includes('step 9999') ? true : undefined;
    });
    await open(`/ui/trace/${traceId}`);
    await shows('10000 spans');
    await page
      .getByTitle(/onerror/)
      .first()
      .click();
    await page.getByText('__proto__').first().waitFor();
    assert.ok((await page.locator('main *').count()) < 3000);
    assert.equal(await page.locator('main img, main script').count(), 0);
    assert.notEqual(await page.title(), 'owned');
  });

  it('search traces by form and text, draw who calls whom, and compare two traces', async () => {
    await open('/ui/traces?from=now-3h');
    await page.getByLabel('Duration').selectOption('longer than 1s');
    await page.getByLabel('Service', { exact: true }).selectOption('catalog');
    await page.getByRole('link', { name: 'web GET /search' }).first().waitFor();
    assert.equal(
      new URL(page.url()).searchParams.get('q'),
      '{ resource.service.name = "catalog" && duration > 1s }',
    );
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByRole('checkbox').nth(0).check();
    await page.getByRole('checkbox').nth(1).check();
    await page.getByRole('link', { name: 'Compare the two' }).click();
    await page.getByRole('rowheader', { name: 'catalog SELECT' }).waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await open('/ui/traces?view=map&from=now-3h');
    await page.locator('.map .node', { hasText: 'postgres.shop.svc' }).waitFor();
    await page.locator('.map .node', { hasText: 'payment' }).click();
    await page.getByRole('link', { name: 'web POST /checkout' }).first().waitFor();
  });

  it('draw a metric that is chosen by its name, its buckets as a heatmap, and its values', async () => {
    await open('/ui/metrics?from=now-3h');
    await page.getByRole('button', { name: 'http_server_request_duration_seconds', exact: true }).click();
    await page.getByRole('button', { name: /service_name="payment"/ }).waitFor();
    await shows('exemplars: a click on one opens its trace');
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByRole('button', { name: 'Table', exact: true }).click();
    await page.getByRole('cell', { name: /service_name="checkout"/ }).waitFor();
    await open(
      '/ui/metrics?from=now-3h&as=heatmap&q=sum by (le) (rate(http_server_request_duration_seconds_bucket[5m]))',
    );
    await page.locator('.heatmap rect').first().waitFor();
  });

  it('keep a dashboard, change it, and take one of Grafana in', async () => {
    await open('/ui/dashboards');
    await page.getByRole('button', { name: 'Make one of the services' }).click();
    await page.getByRole('region', { name: 'Requests', exact: true }).getByText('payment').waitFor();
    await page.getByRole('region', { name: 'Newest errors' }).locator('.line').first().waitFor();
    await page.getByRole('button', { name: /^Service: all/ }).click();
    await page.getByRole('checkbox', { name: 'payment' }).check();
    await page.keyboard.press('Escape');
    await page
      .getByRole('region', { name: 'Requests', exact: true })
      .getByText('checkout')
      .waitFor({ state: 'detached' });
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByRole('button', { name: 'Add a panel' }).click();
    const added = page.getByRole('region', { name: 'New panel' });
    await added.getByLabel('Language').selectOption('SQL');
    await added.getByLabel('Shown as').selectOption('single values');
    await added.getByLabel('Query 1').click();
    await page.keyboard.type(
      'SELECT count(*) AS spans FROM lake.spans WHERE $__timeFilter(timestamp) AND service_name IN ($service)',
    );
    await added.getByLabel('Title').fill('Spans');
    await page.locator('.stats dd').first().waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Edit' }).waitFor();
    await page.reload();
    await page.getByRole('region', { name: 'Spans' }).scrollIntoViewIfNeeded();
    assert.match((await page.locator('.stats dd').first().textContent()) ?? '', /^\s*[1-9]/);

    await page.getByRole('button', { name: 'Export' }).click();
    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name: 'JSON of Grafana' }).click();
    assert.match((await saved).suggestedFilename(), /\.grafana\.json$/);

    await open('/ui/dashboards');
    const panels = [
      {
        type: 'timeseries',
        title: '<b>Orders</b>',
        datasource: { type: 'prometheus' },
        targets: [{ expr: 'sum(rate(shop_orders_total[5m]))' }],
      },
      { type: 'geomap', title: 'World' },
    ];
    await page.getByLabel('File to import').setInputFiles({
      name: 'shop.json',
      mimeType: 'application/json',
      buffer: Buffer.from(JSON.stringify({ schemaVersion: 39, title: 'Shop', panels })),
    });
    await shows('a panel of the type geomap');
    await page.getByRole('button', { name: 'Keep it' }).click();
    await page.getByRole('heading', { name: '<b>Orders</b>' }).waitFor();
    await page.locator('.chart canvas').waitFor();
    await page.getByRole('link', { name: 'Dashboards' }).last().click();
    await page.getByRole('link', { name: 'Shop' }).waitFor();
    assert.deepEqual(await seriousFindings(page), []);
  });

  it('run SQL, show the schema, and draw a result', async () => {
    await open('/ui/sql');
    await page.getByRole('button', { name: /^Run an example/ }).click();
    await page.getByRole('cell', { name: 'inventory' }).waitFor();
    await page.getByRole('button', { name: 'Chart' }).click();
    assert.ok((await page.locator('.bar-cell').count()) > 5);
    await page.getByText('v_logs', { exact: true }).waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await open(
      `/ui/sql?sql=${encodeURIComponent("SELECT date_trunc('minute', timestamp) AS minute, count(*) AS spans FROM lake.spans GROUP BY ALL ORDER BY minute")}`,
    );
    await page.getByRole('button', { name: 'Chart' }).click();
    await page.getByRole('img', { name: 'Result over time: 1 series' }).waitFor();
  });

  it('show what the node does, and what a retention would do before it does it', async () => {
    await open('/ui/system');
    await page.getByRole('region', { name: 'Health of storage' }).getByText('ok').waitFor();
    await page.getByRole('row', { name: /^spans/ }).waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByRole('button', { name: 'Verify', exact: true }).click();
    await shows('The catalog and its files agree');
    await page.getByRole('button', { name: 'CHECKPOINT' }).click();
    await page.getByRole('cell', { name: 'checkpoint' }).waitFor({ timeout: 60_000 });
    await page.getByText('Snapshots', { exact: true }).click();
    await page.getByRole('region', { name: 'Snapshots' }).getByText('inserted_into_table').first().waitFor();
    await page
      .getByRole('region', { name: 'Files by table and day' })
      .getByRole('columnheader', { name: 'spans' })
      .waitFor();
    await shows('There is none yet.');
    await page.getByRole('button', { name: 'Back up the catalog' }).click();
    await page
      .getByRole('region', { name: 'Backups' })
      .getByRole('cell', { name: /catalog-/ })
      .waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByText('What this process was started with').click();
    await page.getByRole('cell', { name: 'CANARDSTACK_SEAL_INTERVAL_MS' }).waitFor();
    await page.getByRole('button', { name: 'Retention' }).click();
    await shows('Retention would do this');
    await page.getByRole('button', { name: 'Do it: Retention' }).waitFor();
    await page.getByRole('button', { name: 'Leave it' }).click();
  });

  it('fit a narrow screen in the dark, and a very wide one', async () => {
    const own = await browser.newContext({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
    const narrow = await own.newPage();
    for (const path of ['', 'ui/logs', 'ui/traces', 'ui/metrics', 'ui/dashboards', 'ui/sql', 'ui/system']) {
      await narrow.goto(`${server.url}/${path}?from=now-3h`);
      await narrow.locator('main > *').nth(1).waitFor();
      await narrow.locator('.state .spinner').first().waitFor({ state: 'detached' });
      const width = await narrow.evaluate('document.documentElement.scrollWidth');
      assert.ok(Number(width) <= 360, `/${path} is ${String(width)} pixels wide`);
      assert.deepEqual(await seriousFindings(narrow), [], `/${path}`);
    }
    await narrow.setViewportSize({ width: 3840, height: 1000 });
    await narrow.goto(`${server.url}/ui/traces?from=now-3h&tz=utc`);
    await narrow.locator('.scatter path').first().waitFor({ state: 'attached' });
    const chart = await narrow.locator('.scatter svg').boundingBox();
    assert.ok((chart?.width ?? 0) > 3000);
    await narrow.getByRole('button', { name: 'UTC' }).click();
    assert.equal(new URL(narrow.url()).searchParams.get('tz'), null);
    await own.close();
  });

  it('break no rule of their content policy and have no fault', () => {
    assert.deepEqual(complaints, []);
  });

  it('say so when the process of the server dies, and go on by themselves once it is back', async () => {
    const own = await browser.newContext({ viewport: { width: 800, height: 700 } });
    own.setDefaultTimeout(60_000);
    const [overview, live] = await Promise.all([own.newPage(), own.newPage()]);
    await overview.goto(`${server.url}/?from=now-3h`);
    await overview.getByRole('link', { name: 'payment' }).first().waitFor();
    await live.goto(`${server.url}/ui/logs?live=on&q={service_name="again"}`);
    await live.getByText('Waiting for lines…').waitFor();
    const { url, dataDir } = server;
    await server.kill();
    await overview.getByRole('button', { name: 'Refresh', exact: true }).click();
    await overview.getByText('The server does not answer.').first().waitFor();
    await overview.getByRole('link', { name: 'payment' }).first().waitFor();
    await live.getByText(/connection ended|does not answer/).waitFor();
    server = await startServer({
      dataDir,
      env: { CANARDSTACK_BIND: new URL(url).host, CANARDSTACK_SEAL_INTERVAL_MS: '200' },
      waitReady: false,
    });
    await overview.getByText('The server does not answer.').first().waitFor({ state: 'detached' });
    await send(url, '/v1/logs', log('after it came back', 'again'));
    await live.locator('.line', { hasText: 'after it came back' }).waitFor();
    assert.equal(await live.getByText(/connection ended|does not answer/).count(), 0);
    await own.close();
  });
});

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
