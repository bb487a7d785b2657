import { after, before, describe } from 'node:test';
import { noBrowser } from './support/browser.js';
import { dashboardPages } from './ui/dashboards.js';
import { everyPage } from './ui/everywhere.js';
import { logsPage } from './ui/logs.js';
import { metricsPage } from './ui/metrics.js';
import { overviewPage } from './ui/overview.js';
import { adminPages } from './ui/system.js';
import { tracesPages } from './ui/traces.js';
import { startSite, type Site } from './ui/site.js';

describe('the web pages', { skip: noBrowser }, () => {
  const site = {} as Site;
  before(() => startSite(site));
  after(async () => {
    await (site as Partial<Site>).browser?.close();
    await (site as Partial<Site>).server?.stop();
  });

  overviewPage(site);
  logsPage(site);
  tracesPages(site);
  metricsPage(site);
  dashboardPages(site);
  adminPages(site);
  everyPage(site);
});
