import assert from 'node:assert/strict';
import { it } from 'node:test';
import { seriousFindings } from '../support/browser.js';
import { log, send, type Site } from './site.js';

/** Logs: filters, context, patterns, live tail. */
export function logsPage(site: Site): void {
  it('show logs by level, filter by a click, and open the trace of a line', async () => {
    const { page } = site;
    await site.open('/ui/logs?from=now-3h');
    await page.getByRole('button', { name: 'error', exact: true }).click();
    await page
      .getByRole('button', { name: /charge failed/ })
      .first()
      .click();
    await site.shows('com.shop.payment.IssuerTimeoutException');
    assert.match(new URL(page.url()).searchParams.get('q') ?? '', /level=~"error"/);
    await page.getByRole('button', { name: 'Only payment_bank NordBank' }).click();
    await site.shows('payment_bank = NordBank ✕');
    await page
      .getByRole('button', { name: /not placed/ })
      .first()
      .waitFor({ state: 'detached' });
    await page
      .getByRole('button', { name: /charge failed/ })
      .first()
      .waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByRole('button', { name: 'Table', exact: true }).click();
    await page.getByRole('button', { name: 'payment_bank as a column' }).click();
    await page.locator('.line-head', { hasText: 'payment_bank' }).waitFor();
    await page.getByRole('button', { name: 'Without the column service_name' }).click();
    assert.equal(new URL(page.url()).searchParams.get('columns'), 'payment_bank');
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByRole('button', { name: 'Lines', exact: true }).click();
    const bars = page.getByRole('img', { name: /^Lines by level/ });
    const box = await bars.boundingBox();
    assert.ok(box);
    await page.mouse.move(box.x + box.width * 0.5, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 2, box.y + 40, { steps: 3 });
    await page.mouse.up();
    await page.waitForURL((url) => /^\d{13}$/.test(url.searchParams.get('from') ?? ''));
    await page.locator('.line').first().waitFor();
    await page.goBack();
    assert.equal(new URL(page.url()).searchParams.get('from'), 'now-3h');
    await page
      .getByRole('button', { name: /charge failed/ })
      .first()
      .press('ArrowDown');
    assert.equal(await page.locator('.line[data-index="1"] .line-text:focus').count(), 1);
    await page.getByRole('link', { name: 'Lines around it' }).click();
    await page.locator('.line.marked', { hasText: 'charge failed' }).waitFor();
    await site.open('/ui/logs?from=now-3h&view=patterns');
    await page.getByRole('button', { name: 'charge failed: NordBank did not answer within' }).first().click();
    await page
      .getByRole('button', { name: /charge failed/ })
      .first()
      .click();
    await page.getByRole('link', { name: 'Show the trace' }).click();
    await page.getByRole('button', { name: 'Show where it failed: payment POST' }).click();
    await site.shows('NordBank did not answer within 3000 ms');
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByRole('button', { name: /^Logs \(/ }).click();
    await page.getByRole('button', { name: /charge failed/ }).waitFor();
  });

  it('show lines as they are committed, and say when the connection was lost', async () => {
    const { page } = site;
    await site.open('/ui/logs?live=on&q={service_name="tailed"}');
    await site.shows('Waiting for lines…');
    const hostile = `"><svg onload="document.title='owned'"> {{constructor}} \u202e\u001b[31m`;
    await send(site.server.url, '/v1/logs', log(hostile, 'tailed'));
    await page.locator('.line', { hasText: '{{constructor}}' }).waitFor();
    await page.getByRole('button', { name: 'Hold' }).click();
    await send(site.server.url, '/v1/logs', log('while it is held', 'tailed'));
    await page.getByRole('button', { name: 'Go on (1 new)' }).click();
    await page.locator('.line', { hasText: 'while it is held' }).waitFor();
    assert.equal(await page.locator('.line svg').count(), 0);
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByRole('button', { name: '■ Stop' }).click();
  });
}
