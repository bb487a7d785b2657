/* global document, performance, requestAnimationFrame -- of the page, where parts of this run */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const usage = `What the web pages cost, of a server that has telemetry (canardstack demo fills one):
  npm run ui:budgets -- http://127.0.0.1:4318 [--tail SECONDS] [--rate LINES] [--from now-3h] [--to now]
  npm run ui:budgets -- --data FOLDER    of a server that it starts on the data folder of one that is stopped
  npm run ui:budgets -- --lines 1000000  of one that it starts and fills with so many log lines of the last three hours
While the live tail is open it sends --rate lines a second (2000 with --lines, else none). Exit code 1 when the first page is
beyond its 250 KB.`;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean' },
    tail: { type: 'string', default: '600' },
    from: { type: 'string', default: 'now-3h' },
    to: { type: 'string', default: 'now' },
    data: { type: 'string' },
    lines: { type: 'string' },
    rate: { type: 'string' },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const dist = join(import.meta.dirname, '..', 'dist');
const server =
  values.data === undefined && values.lines === undefined ? null : await startServer(values.data);
const url = server?.url ?? positionals[0] ?? 'http://127.0.0.1:4318';
if (values.lines !== undefined) {
  spawnSync(
    process.execPath,
    [join(dist, 'drill/ui.js'), '--fill-only', '--url', url, '--lines', values.lines],
    {
      stdio: 'inherit',
    },
  );
}

async function freePort() {
  const listening = createServer().listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address();
  listening.close();
  await once(listening, 'close');
  return port;
}

/** On the folder as it is: without maintenance. Without a folder on an empty one, which goes with it. */
async function startServer(folder) {
  const [port, grpcPort] = [await freePort(), await freePort()];
  const dataDir = folder ?? mkdtempSync(join(tmpdir(), 'canardstack-budgets-'));
  const child = spawn(process.execPath, [join(dist, 'src/cli/bin.cjs'), 'serve'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      CANARDSTACK_DUCKDB_EXTENSION_DIR: join(import.meta.dirname, '..', '.cache', 'ext'),
      ...process.env,
      CANARDSTACK_BIND: `127.0.0.1:${port}`,
      CANARDSTACK_GRPC_BIND: `127.0.0.1:${grpcPort}`,
      CANARDSTACK_DATA_DIR: dataDir,
      CANARDSTACK_DUCKLAKE_MAINTENANCE_ENABLED: folder === undefined ? 'true' : 'false',
      CANARDSTACK_LOG_LEVEL: 'error',
    },
  });
  const ended = once(child, 'exit');
  const address = `http://127.0.0.1:${port}`;
  const isReady = () =>
    fetch(`${address}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isReady())) {
    if (child.exitCode !== null) throw new Error(`the server ended with code ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return {
    url: address,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      if (folder === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

const tailSeconds = Number(values.tail);
const rate = Number(values.rate ?? (values.lines === undefined ? 0 : 2000));
const answered = '.state:not(:has(.spinner))';
const firstPageBytes = 250 * 1024;
const metric =
  'histogram_quantile(0.95, sum by (le) (rate(http_server_request_duration_seconds_bucket[5m])))';

const pages = [
  { name: 'overview', path: '/', data: `main tbody tr, main .overview-body ${answered}` },
  { name: 'logs', path: '/ui/logs', data: '.line' },
  { name: 'traces', path: '/ui/traces', data: `main tbody tr, main ${answered}` },
  {
    name: 'metrics',
    path: `/ui/metrics?q=${encodeURIComponent(metric)}`,
    data: `.chart canvas, .panels ${answered}`,
  },
  { name: 'dashboards', path: '/ui/dashboards', data: 'main .card table, main .card .state p' },
  { name: 'sql', path: '/ui/sql?sql=SELECT count(*) AS lines FROM lake.logs', data: '.grid td' },
  { name: 'system', path: '/ui/system', data: 'main tbody tr' },
];

const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--enable-precise-memory-info'],
});

async function fresh() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(300_000);
  return { context, page: await context.newPage() };
}

const withRange = (path) =>
  `${url}${path}${path.includes('?') ? '&' : '?'}from=${values.from}&to=${values.to}`;
let tooLarge = false;

console.log('page        code+styles KB   first content ms   first data ms');
for (const { name, path, data } of pages) {
  const { context, page } = await fresh();
  const begun = Date.now();
  await page.goto(withRange(path));
  await page.locator(data).first().waitFor();
  const dataMs = Date.now() - begun;
  await page.waitForLoadState('networkidle');
  const { bytes, contentMs } = await page.evaluate(() => {
    const files = performance
      .getEntriesByType('resource')
      .filter(({ name: file }) => /\/ui\/assets\/|favicon/.test(file));
    const [own] = performance.getEntriesByType('navigation');
    const sum = [own, ...files].reduce((total, { encodedBodySize }) => total + encodedBodySize, 0);
    return {
      bytes: sum,
      contentMs: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN,
    };
  });
  if (name === 'overview' && bytes > firstPageBytes) tooLarge = true;
  console.log(
    name.padEnd(12) +
      (bytes / 1024).toFixed(1).padStart(14) +
      contentMs.toFixed(0).padStart(19) +
      String(dataMs).padStart(16),
  );
  await context.close();
}

{
  const { context, page } = await fresh();
  await page.goto(withRange('/ui/logs?limit=10000'));
  await page.locator('.line').first().waitFor();
  const { frames, slow, seconds, pixels } = await page.evaluate(async () => {
    const box = document.querySelector('.lines');
    const end = performance.now() + 5000;
    const times = [];
    await new Promise((resolve) => {
      const step = (now) => {
        times.push(now);
        box.scrollTop += 240;
        if (now < end) requestAnimationFrame(step);
        else resolve();
      };
      requestAnimationFrame(step);
    });
    const gaps = times.slice(1).map((time, i) => time - times[i]);
    return {
      frames: gaps.length,
      slow: gaps.filter((gap) => gap > 34).length,
      seconds: (times.at(-1) - times[0]) / 1000,
      pixels: box.scrollTop,
    };
  });
  const lines = await page
    .getByText(/^\S+( k)? lines/)
    .first()
    .textContent();
  console.log(
    `\nscrolling ${lines?.trim()}: ${(frames / seconds).toFixed(0)} frames per second over ${pixels} pixels, ${slow} of ${frames} frames longer than 34 ms`,
  );
  await context.close();
}

if (tailSeconds > 0) {
  const { context, page } = await fresh();
  const client = await context.newCDPSession(page);
  const heap = async () => {
    await client.send('HeapProfiler.collectGarbage');
    const { usedSize } = await client.send('Runtime.getHeapUsage');
    return usedSize / 1024 ** 2;
  };
  await page.goto(`${url}/ui/logs?live=on`);
  await page.waitForTimeout(2000);
  const before = await heap();
  const { sendLines } = await import('../dist/drill/ui/lines.js');
  const begun = Date.now();
  let minutes = 0;
  while (Date.now() < begun + tailSeconds * 1000) {
    const now = Date.now();
    if (now >= begun + (minutes + 1) * 60_000) {
      minutes += 1;
      console.log(`live tail, after ${minutes} min: ${(await heap()).toFixed(1)} MiB of heap`);
    }
    if (rate > 0)
      await sendLines(url, { count: rate, fromMs: now - 1000, toMs: now, needle: false }, () => undefined);
    await page.waitForTimeout(Math.max(0, now + 1000 - Date.now()));
  }
  const shown = await page.getByRole('status').first().textContent();
  console.log(
    `live tail, ${tailSeconds} s at ${rate || 'no'} lines a second sent: ${before.toFixed(1)} MiB of heap before, ${(await heap()).toFixed(1)} after (${shown?.trim()})`,
  );
  await context.close();
}

await browser.close();
await server?.stop();
if (tooLarge) {
  console.log(`the first page is larger than ${firstPageBytes / 1024} KB`);
  process.exitCode = 1;
}
