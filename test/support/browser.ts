import { existsSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';

const paths = [
  process.env['CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];
const executablePath = paths.find((path) => path && existsSync(path));

/** Why tests with a browser can't run; false when they can. */
export const noBrowser: string | false = executablePath
  ? existsSync(join('dist', 'ui', 'index.html'))
    ? false
    : 'the web pages are not built: npm run build:ui'
  : process.env['CHROMIUM_MISSING'] || 'no Chromium is installed; CHROMIUM names one';

export async function openBrowser(): Promise<Browser> {
  return await chromium.launch({
    ...(executablePath ? { executablePath } : {}),
    // Chromium's own sandbox does not start as root.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
}

interface AxeResults {
  readonly violations: readonly {
    id: string;
    impact: string;
    nodes: readonly { html: string; any: unknown }[];
  }[];
}

/** Serious and critical findings of axe-core on what the page shows now. */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page
    .evaluate('axe.run(document, { resultTypes: ["violations"] })')
    .then((results) => results as AxeResults);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}
