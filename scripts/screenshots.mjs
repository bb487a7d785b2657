// Pictures of the web pages for the documentation, of a server that `canardstack demo` filled:
//   npm run docs:screenshots -- http://127.0.0.1:4318
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const url = process.argv[2] ?? 'http://127.0.0.1:4318';
const folder = join(import.meta.dirname, '..', 'docs', 'images');
const p95 =
  'histogram_quantile(0.95, sum by (le, service_name) (rate(http_server_request_duration_seconds_bucket[5m])))';

const shots = [
  { name: 'overview', path: '/?from=now-3h' },
  { name: 'logs', path: '/ui/logs?from=now-3h', see: (page) => page.locator('.line').first() },
  {
    name: 'traces',
    path: '/ui/traces?from=now-3h&q={ status = error }',
    see: (page) => page.locator('tbody tr').first(),
  },
  {
    name: 'service-map',
    path: '/ui/traces?from=now-3h&view=map',
    see: (page) => page.locator('.map .node').first(),
  },
  {
    name: 'metrics',
    path: `/ui/metrics?from=now-3h&q=${encodeURIComponent(p95)}`,
    see: (page) => page.locator('.chart-legend li').first(),
  },
  {
    name: 'dashboard',
    path: '/ui/dashboards?from=now-3h',
    see: (page) => page.getByRole('region', { name: 'Newest errors' }),
    act: dashboard,
  },
  {
    name: 'compare',
    path: '/ui/traces?from=now-3h&q={ resource.service.name = "catalog" %26%26 duration > 1s }',
    see: (page) => page.getByRole('rowheader', { name: 'catalog SELECT' }),
    act: compare,
  },
  { name: 'sql', path: '/ui/sql', see: (page) => page.locator('.bar-cell').first(), act: sqlChart },
  { name: 'system', path: '/ui/system', see: (page) => page.getByRole('row', { name: /^spans/ }) },
];

async function sqlChart(page) {
  await page.getByRole('button', { name: /^Run an example/ }).click();
  await page.getByRole('button', { name: 'Chart' }).click();
}

/** One of the services, made when there is none. */
async function dashboard(page) {
  const [link, make] = [
    page.getByRole('link', { name: 'Services', exact: true }),
    page.getByRole('button', { name: 'Make one of the services' }),
  ];
  await link.or(make).first().click();
}

async function compare(page) {
  for (const nth of [0, 1]) await page.getByRole('checkbox').nth(nth).check();
  await page.getByRole('link', { name: 'Compare the two' }).click();
}

mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'dark' });
const take = async (name) => {
  await page.waitForLoadState('networkidle');
  await page.mouse.move(0, 0);
  await page.screenshot({ path: join(folder, `${name}.jpg`), type: 'jpeg', quality: 62 });
  console.log(`docs/images/${name}.jpg`);
};
for (const { name, path, see, act } of shots) {
  await page.goto(url + path);
  if (act) await act(page);
  await see?.(page).waitFor();
  await take(name);
}
await page.goto(`${url}/?from=now-3h`);
await page
  .getByRole('link', { name: /charge failed/ })
  .first()
  .click();
await page.getByRole('button', { name: /^Show where it failed/ }).click();
await take('trace');
await browser.close();
