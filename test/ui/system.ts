import assert from 'node:assert/strict';
import { it } from 'node:test';
import { seriousFindings } from '../support/browser.js';
import { type Site } from './site.js';

/** What needs the admin key: SQL and the system. */
export function adminPages(site: Site): void {
  it('run SQL, show the schema, and draw a result', async () => {
    const { page } = site;
    await site.open('/ui/sql');
    await page.getByRole('button', { name: /^Run an example/ }).click();
    await page.getByRole('cell', { name: 'inventory' }).waitFor();
    await page.getByRole('button', { name: 'Chart' }).click();
    assert.ok((await page.locator('.bar-cell').count()) > 5);
    await page.getByText('v_logs', { exact: true }).waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await site.open(
      `/ui/sql?sql=${encodeURIComponent("SELECT date_trunc('minute', timestamp) AS minute, count(*) AS spans FROM lake.spans GROUP BY ALL ORDER BY minute")}`,
    );
    await page.getByRole('button', { name: 'Chart' }).click();
    await page.getByRole('img', { name: 'Result over time: 1 series' }).waitFor();
  });

  it('show what the node does, and what a retention would do before it does it', async () => {
    const { page } = site;
    await site.open('/ui/system');
    await page.getByRole('region', { name: 'Health of storage' }).getByText('ok').waitFor();
    await page.getByRole('row', { name: /^spans/ }).waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByRole('button', { name: 'Verify', exact: true }).click();
    await site.shows('The catalog and its files agree');
    await page.getByRole('button', { name: 'CHECKPOINT' }).click();
    await page.getByRole('cell', { name: 'checkpoint' }).waitFor({ timeout: 60_000 });
    await page.getByText('Snapshots', { exact: true }).click();
    await page.getByRole('region', { name: 'Snapshots' }).getByText('inserted_into_table').first().waitFor();
    await page
      .getByRole('region', { name: 'Files by table and day' })
      .getByRole('columnheader', { name: 'spans' })
      .waitFor();
    await site.shows('There is none yet.');
    await page.getByRole('button', { name: 'Back up the catalog' }).click();
    await page
      .getByRole('region', { name: 'Backups' })
      .getByRole('cell', { name: /catalog-/ })
      .waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByText('What this process was started with').click();
    await page.getByRole('cell', { name: 'CANARDSTACK_SEAL_INTERVAL_MS' }).waitFor();
    await page.getByRole('button', { name: 'Retention' }).click();
    await site.shows('Retention would do this');
    await page.getByRole('button', { name: 'Do it: Retention' }).waitFor();
    await page.getByRole('button', { name: 'Leave it' }).click();
  });
}
