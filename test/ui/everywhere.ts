import assert from 'node:assert/strict';
import { it } from 'node:test';
import { seriousFindings } from '../support/browser.js';
import { startServer } from '../support/server.js';
import { log, send, type Site } from './site.js';

/** What holds for every page: narrow and wide screens, the content policy, a server that goes away. */
export function everyPage(site: Site): void {
  it('fit a narrow screen in the dark, and a very wide one', async () => {
    const own = await site.browser.newContext({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
    const narrow = await own.newPage();
    for (const path of ['', 'ui/logs', 'ui/traces', 'ui/metrics', 'ui/dashboards', 'ui/sql', 'ui/system']) {
      await narrow.goto(`${site.server.url}/${path}?from=now-3h`);
      await narrow.locator('main > *').nth(1).waitFor();
      await narrow.locator('.state .spinner').first().waitFor({ state: 'detached' });
      const width = await narrow.evaluate('document.documentElement.scrollWidth');
      assert.ok(Number(width) <= 360, `/${path} is ${String(width)} pixels wide`);
      assert.deepEqual(await seriousFindings(narrow), [], `/${path}`);
    }
    await narrow.setViewportSize({ width: 3840, height: 1000 });
    await narrow.goto(`${site.server.url}/ui/traces?from=now-3h&tz=utc`);
    await narrow.locator('.scatter path').first().waitFor({ state: 'attached' });
    const chart = await narrow.locator('.scatter svg').boundingBox();
    assert.ok((chart?.width ?? 0) > 3000);
    await narrow.getByRole('button', { name: 'UTC' }).click();
    assert.equal(new URL(narrow.url()).searchParams.get('tz'), null);
    await own.close();
  });

  it('break no rule of their content policy and have no fault', () => {
    assert.deepEqual(site.complaints, []);
  });

  it('say so when the process of the server dies, and go on by themselves once it is back', async () => {
    const own = await site.browser.newContext({ viewport: { width: 800, height: 700 } });
    own.setDefaultTimeout(60_000);
    const [overview, live] = await Promise.all([own.newPage(), own.newPage()]);
    await overview.goto(`${site.server.url}/?from=now-3h`);
    await overview.getByRole('link', { name: 'payment' }).first().waitFor();
    await live.goto(`${site.server.url}/ui/logs?live=on&q={service_name="again"}`);
    await live.getByText('Waiting for lines…').waitFor();
    const { url, dataDir } = site.server;
    await site.server.kill();
    await overview.getByRole('button', { name: 'Refresh', exact: true }).click();
    await overview.getByText('The server does not answer.').first().waitFor();
    await overview.getByRole('link', { name: 'payment' }).first().waitFor();
    await live.getByText(/connection ended|does not answer/).waitFor();
    site.server = await startServer({
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
}
