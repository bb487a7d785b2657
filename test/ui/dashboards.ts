import assert from 'node:assert/strict';
import { it } from 'node:test';
import { seriousFindings } from '../support/browser.js';
import { type Site } from './site.js';

/** Dashboards: one of ours, one of Grafana's. */
export function dashboardPages(site: Site): void {
  it('keep a dashboard, change it, and take one of Grafana in', async () => {
    const { page } = site;
    await site.open('/ui/dashboards');
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

    await site.open('/ui/dashboards');
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
    await site.shows('a panel of the type geomap');
    await page.getByRole('button', { name: 'Keep it' }).click();
    await page.getByRole('heading', { name: '<b>Orders</b>' }).waitFor();
    await page.locator('.chart canvas').waitFor();
    await page.getByRole('link', { name: 'Dashboards' }).last().click();
    await page.getByRole('link', { name: 'Shop' }).waitFor();
    assert.deepEqual(await seriousFindings(page), []);
  });
}
