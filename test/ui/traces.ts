import assert from 'node:assert/strict';
import { it } from 'node:test';
import { seriousFindings } from '../support/browser.js';
import { eventually } from '../support/server.js';
import { send, type Site } from './site.js';

/** Traces: the waterfall, the search, the map, two compared. */
export function tracesPages(site: Site): void {
  it('draw ten thousand spans with hostile names and attributes, of which few are in the page', async () => {
    const { page } = site;
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
    await send(site.server.url, '/v1/traces', {
      resourceSpans: [{ resource: { attributes: [service] }, scopeSpans: [{ spans }] }],
    });
    await eventually(async () => {
      const found = await fetch(`${site.server.url}/api/v2/traces/${traceId}`);
      return (await found.text()).includes('step 9999') ? true : undefined;
    });
    await site.open(`/ui/trace/${traceId}`);
    await site.shows('10000 spans');
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
    const { page } = site;
    await site.open('/ui/traces?from=now-3h');
    await page.getByLabel('Duration').selectOption('longer than 1s');
    await page.getByLabel('Service', { exact: true }).selectOption('catalog');
    await page.getByRole('link', { name: 'web GET /search' }).first().waitFor();
    assert.equal(
      new URL(page.url()).searchParams.get('q'),
      '{ resource.service.name = "catalog" && duration > 1s }',
    );
    assert.deepEqual(await seriousFindings(page), []);
    await page.getByRole('button', { name: 'Duration', exact: true }).click();
    await page.locator('th[aria-sort="descending"]', { hasText: 'Duration' }).waitFor();
    assert.equal(new URL(page.url()).searchParams.get('order'), 'slowest');
    const took = await page.locator('tbody td:nth-child(4)').allTextContents();
    const numbers = took.map((text) => parseFloat(text));
    assert.deepEqual(
      numbers,
      [...numbers].sort((x, y) => y - x),
      took.join(),
    );
    await page.getByRole('checkbox').nth(0).check();
    await page.getByRole('checkbox').nth(1).check();
    await page.getByRole('link', { name: 'Compare the two' }).click();
    await page.getByRole('rowheader', { name: 'catalog SELECT' }).waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await site.open('/ui/traces?view=map&from=now-3h');
    await page.locator('.map .node', { hasText: 'postgres.shop.svc' }).waitFor();
    await page.getByRole('row', { name: /^checkout payment/ }).waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await page.locator('.map .node', { hasText: 'payment' }).click();
    await page.getByRole('link', { name: 'web POST /checkout' }).first().waitFor();
  });
}
