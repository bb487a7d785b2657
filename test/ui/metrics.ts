import assert from 'node:assert/strict';
import { it } from 'node:test';
import { seriousFindings } from '../support/browser.js';
import { type Site } from './site.js';

/** Metrics: a chart, a heatmap, a table. */
export function metricsPage(site: Site): void {
  it('draw a metric that is chosen by its name, its buckets as a heatmap, and its values', async () => {
    const { page } = site;
    await site.open('/ui/metrics?from=now-3h');
    await page.getByRole('button', { name: 'http_server_request_duration_seconds', exact: true }).click();
    await page.getByRole('button', { name: /service_name="payment"/ }).waitFor();
    await site.shows('exemplars: a click on one opens its trace');
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByRole('button', { name: 'Table', exact: true }).click();
    await page.getByRole('cell', { name: /service_name="checkout"/ }).waitFor();
    await site.open(
      '/ui/metrics?from=now-3h&as=heatmap&q=sum by (le) (rate(http_server_request_duration_seconds_bucket[5m]))',
    );
    await page.locator('.heatmap rect').first().waitFor();
  });
}
