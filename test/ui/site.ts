import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import { openBrowser } from '../support/browser.js';
import { startServer, type TestServer } from '../support/server.js';

/** A server and a browser that all pages' tests share, in the order of `ui.test.ts`: what one sends the next ones see. */
export interface Site {
  /** Another one after it was killed and started again. */
  server: TestServer;
  readonly browser: Browser;
  readonly page: Page;
  /** What the browser complained of: the content policy, faults of scripts. */
  readonly complaints: readonly string[];
  readonly shows: (text: string | RegExp) => Promise<void>;
  readonly open: (path: string) => Promise<unknown>;
}

/** Fills `site` with what it has once it runs: tests are declared before that. */
export async function startSite(site: Site): Promise<void> {
  const [server, browser] = await Promise.all([
    startServer({ env: { CANARDSTACK_SEAL_INTERVAL_MS: '200' } }),
    openBrowser(),
  ]);
  Object.assign(site, { server, browser });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  Object.assign(site, {
    ...{ page, complaints },
    shows: (text: string | RegExp) => page.getByText(text).first().waitFor(),
    open: (path: string) => page.goto(site.server.url + path),
  });
}

/** A request with one error. */
export const log = (body: string, service = 'hello') => ({
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
      scopeLogs: [
        {
          logRecords: [
            {
              timeUnixNano: `${Date.now()}000000`,
              severityNumber: 17,
              severityText: 'ERROR',
              body: { stringValue: body },
            },
          ],
        },
      ],
    },
  ],
});

/** Sends OTLP as JSON; anything but a 200 fails. */
export async function send(url: string, path: string, body: object, headers = {}): Promise<void> {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 200, await response.text());
}
