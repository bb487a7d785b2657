import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { options } from '../bench/options.js';
import { noBrowser, openBrowser } from '../test/support/browser.js';
import { eventually, startServer } from '../test/support/server.js';
import { needle, sendLines } from './ui/lines.js';

const args = options(
  'npm run drill:ui',
  `Sends a million log lines to a server of its own (or the one at URL), opens the web pages in Chromium over all of them,
scrolls ten thousand, finds one line among all, and keeps a live tail open while more come. Fails when a page shows
something else than was sent, has more than 3000 elements, or when the browser's heap grows beyond 100 MiB.`,
  {
    lines: { value: 1000000, text: 'log lines that are sent first' },
    tail: { value: 60, text: 'seconds of live tail' },
    rate: { value: 2000, text: 'lines a second meanwhile' },
    url: { text: 'a server that runs already', of: 'URL' },
    'fill-only': { flag: true, text: 'send the lines and look at nothing' },
  },
);
const mostElements = 3000;
const mostHeapBytes = 100 * 1024 ** 2;
const rangeMs = 3 * 3_600_000;
const [count, tailSeconds, rate] = [args.lines, args.tail, args.rate];

/** Runs in the page: scrolls for five seconds, and counts. */
const scrolled = `(async () => {
  const box = document.querySelector('.lines');
  const [times, end] = [[], performance.now() + 5000];
  let elements = 0;
  await new Promise((resolve) => {
    const step = (now) => {
      times.push(now);
      elements = Math.max(elements, box.querySelectorAll('.line').length);
      box.scrollTop += 240;
      if (now < end) requestAnimationFrame(step);
      else resolve();
    };
    requestAnimationFrame(step);
  });
  const gaps = times.slice(1).map((time, i) => time - times[i]);
  return JSON.stringify({
    frames: Math.round((gaps.length * 1000) / (times.at(-1) - times[0])),
    slow: gaps.filter((gap) => gap > 34).length,
    pixels: box.scrollTop,
    elements,
  });
})()`;

const own = args.url === undefined ? await startServer() : null;
const url = own?.url ?? args.url ?? '';
try {
  const toMs = Date.now() - 60_000;
  const fromMs = toMs - rangeMs;
  await fill(fromMs, toMs);
  if (!args['fill-only']) await look(fromMs, toMs);
} finally {
  if (own) {
    await own.stop();
    await rm(own.dataDir, { recursive: true, force: true });
  }
}

async function fill(fromMs: number, toMs: number): Promise<void> {
  const begun = Date.now();
  let [sent, told] = [0, 0];
  await sendLines(url, { count, fromMs, toMs, needle: true }, (more) => {
    sent += more;
    if (sent - told < count / 10) return;
    told = sent;
    console.log(`${sent} lines sent`);
  });
  const visible = async () => {
    const query = `sum(count_over_time({service_name=~"service-.+"}[${Math.ceil((rangeMs + 120_000) / 1000)}s]))`;
    const asked = `${url}/loki/api/v1/query?query=${encodeURIComponent(query)}&time=${toMs + 60_000}000000`;
    const response = await fetch(asked);
    if (!response.ok) return undefined;
    const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
    const found = Number(data.result[0]?.value[1] ?? 0);
    return found >= count ? found : undefined;
  };
  await eventually(visible, 600_000);
  console.log(`${count} lines are there after ${seconds(begun)} s`);
}

function seconds(since: number): string {
  return ((Date.now() - since) / 1000).toFixed(1);
}

async function look(fromMs: number, toMs: number): Promise<void> {
  if (noBrowser) throw new Error(noBrowser);
  const browser = await openBrowser();
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    context.setDefaultTimeout(120_000);
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    const client = await context.newCDPSession(page);
    const range = `from=${fromMs - 1000}&to=${toMs + 1000}`;

    /** Opens a page, waits for what it shows, and looks at what that costs. */
    const open = async (name: string, path: string, see: string) => {
      const begun = Date.now();
      await page.goto(`${url}${path}${path.includes('?') ? '&' : '?'}${range}`);
      await page.locator(see).first().waitFor();
      await page.waitForLoadState('networkidle');
      await bounded(`${name}, ${seconds(begun)} s`);
    };
    const bounded = async (what: string) => {
      await client.send('HeapProfiler.collectGarbage');
      const { usedSize } = await client.send('Runtime.getHeapUsage');
      const elements = Number(await page.evaluate('document.querySelectorAll("*").length'));
      console.log(`${what}: ${(usedSize / 1024 ** 2).toFixed(1)} MiB of heap, ${elements} elements`);
      assert.ok(elements <= mostElements, `${what}: ${elements} elements`);
      assert.ok(usedSize <= mostHeapBytes, `${what}: ${usedSize} bytes of heap`);
    };

    await open('overview', '/', '.big');
    await open('logs', '/ui/logs?limit=10000', '.line');
    const legend = (await page.locator('.bars .legend').allTextContents()).join(' ');
    assert.match(legend, /error.*warn.*info.*debug/s, legend);
    const text = await page.evaluate(scrolled);
    const { frames, slow, pixels, elements } = JSON.parse(String(text)) as Record<string, number>;
    console.log(
      `scrolled ${pixels} pixels of 10,000 lines: ${frames} frames a second, ${slow} longer than 34 ms, ` +
        `at most ${elements} lines in the page`,
    );
    assert.ok((elements ?? Infinity) < 200, 'more lines are in the page than are in sight');
    await bounded('after scrolling');
    await open('one of all', `/ui/logs?q={service_name=~".%2B"} |= "${needle}"`, '.line');
    assert.equal(await page.locator('.line').count(), 1);
    await page.getByRole('button', { name: new RegExp(needle) }).click();
    await page.getByRole('link', { name: 'Lines around it' }).click();
    await page.locator('.line.marked', { hasText: needle }).waitFor();
    await bounded('lines around it');
    await open('patterns', '/ui/logs?view=patterns', 'tbody tr');
    await open('SQL', '/ui/sql?sql=SELECT * FROM lake.logs LIMIT 10000', '.grid td');
    await open('system', '/ui/system', 'tbody tr');
    if (tailSeconds > 0) await tail();
    assert.deepEqual(faults, []);

    async function tail() {
      await page.goto(`${url}/ui/logs?live=on&q={service_name=~"service-.%2B"}`);
      await page.getByText('Waiting for lines…').or(page.locator('.line').first()).first().waitFor();
      await bounded('before the live tail');
      const begun = Date.now();
      const end = begun + tailSeconds * 1000;
      let told = 0;
      while (Date.now() < end) {
        const now = Date.now();
        const minutes = Math.floor((now - begun) / 60_000);
        if (minutes > told) {
          told = minutes;
          await bounded(`after ${minutes} min of live tail`);
        }
        await sendLines(url, { count: rate, fromMs: now - 1000, toMs: now, needle: false }, () => undefined);
        await page.waitForTimeout(Math.max(0, now + 1000 - Date.now()));
      }
      await page.locator('.line').first().waitFor();
      const shown = (await page.getByRole('status').allTextContents()).join(' ');
      await bounded(`after ${tailSeconds} s of live tail at ${rate} lines a second (${shown.trim()})`);
    }
  } finally {
    await browser.close();
  }
}
