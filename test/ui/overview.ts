import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { seriousFindings } from '../support/browser.js';
import { eventually } from '../support/server.js';
import { log, send, type Site } from './site.js';

const main = fileURLToPath(new URL('../../src/cli/bin.cjs', import.meta.url));

/** The overview: an empty lake, the demo, the time range. */
export function overviewPage(site: Site): void {
  it('say how to send something while the lake is empty, and show the first record when it comes', async () => {
    const { page } = site;
    await site.open('/');
    await page.getByRole('heading', { name: 'Send something' }).waitFor();
    await site.shows(`OTEL_EXPORTER_OTLP_ENDPOINT=${site.server.url}`);
    assert.deepEqual(await seriousFindings(page), []);
    const hostile = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';
    await send(site.server.url, '/v1/logs', log(hostile));
    await site.shows(hostile);
    assert.equal(await page.locator('main img').count(), 0);
    assert.equal(await page.title(), 'canardstack');
  });

  it('show the failing service of the demo first, and its errors', async () => {
    const { page } = site;
    await promisify(execFile)(process.execPath, [
      ...[main, 'demo', '--url', site.server.url, '--once', '--hours', '1', '--rate', '0.4'],
    ]);
    const now = Math.ceil(Date.now() / 1000);
    const mails = `q=${encodeURIComponent('{ name = "process orders" }')}&start=${now - 600}&end=${now}`;
    await eventually(async () => {
      const found = (await (await fetch(`${site.server.url}/api/search?${mails}`)).json()) as {
        traces?: unknown[];
      };
      return found.traces?.length ? true : undefined;
    });
    await site.open('/');
    await site.shows('charge failed: NordBank did not answer within 3000 ms');
    await page.getByRole('row', { name: /^payment/ }).waitFor();
    const services = await page.getByRole('rowheader').allTextContents();
    assert.deepEqual(services.slice(0, 2).sort(), ['checkout', 'payment']);
    assert.ok(services.includes('mailer'), services.join());
    assert.deepEqual(await seriousFindings(page), []);
  });

  it('keep the time range in the address', async () => {
    const { page } = site;
    await page.getByRole('button', { name: 'Time range' }).or(page.getByTitle('Time range')).first().click();
    await page.getByRole('button', { name: 'last 3 hours' }).click();
    assert.equal(new URL(page.url()).searchParams.get('from'), 'now-3h');
    await page.goBack();
    assert.equal(new URL(page.url()).searchParams.get('from'), null);
    await page.keyboard.press('?');
    await page.getByRole('heading', { name: 'Keyboard' }).waitFor();
    await page.keyboard.press('Escape');
  });
}
