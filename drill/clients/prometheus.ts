/** What Prometheus and vmagent send by remote write, compared with what Prometheus answers of its own samples. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, freePort, temporaryFolder } from '../../test/support/server.js';
import { bearer, type Door } from './check.js';
import { scrapeTarget } from './target.js';

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values?: readonly [number, string][];
  readonly histograms?: readonly [number, unknown][];
}

type Headers = Readonly<Record<string, string>>;

async function api<T>(
  url: string,
  path: string,
  query: Record<string, string>,
  headers: Headers = {},
): Promise<T> {
  const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(query).toString()}`, { headers });
  const answer = (await response.json()) as { status: string; data: T; error?: string };
  if (answer.status !== 'success') throw new Error(`${path} ${JSON.stringify(query)}: ${answer.error}`);
  return answer.data;
}

/** The seconds that are compared. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Sorted, and without the label that tells the versions apart. */
function ownLabels(labels: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(labels)
    .filter(([name]) => name !== 'door')
    .sort();
}

/** Samples of `span` by the labels of their series. */
async function samples(
  url: string,
  selector: string,
  { from, to }: Span,
  headers: Headers = {},
): Promise<Map<string, Series>> {
  const query = `${selector}[${Math.floor((to - from) * 1000)}ms]`;
  const { result } = await api<{ result: Series[] }>(url, 'query', { query, time: String(to) }, headers);
  return new Map(
    result.map((series) => {
      return [JSON.stringify(ownLabels(series.metric)), series];
    }),
  );
}

async function program(path: string, args: readonly string[], log: string) {
  const child = spawn(path, [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const sink = createWriteStream(log);
  child.stdout.pipe(sink);
  child.stderr.pipe(sink);
  return {
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

const versions = { '1.0': 'prometheus.WriteRequest', '2.0': 'io.prometheus.write.v2.Request' };

/** What a comparison found: how much was alike, and what was not. */
export interface Compared {
  readonly told: string;
  readonly differences: readonly string[];
}

/** Programs of `folder`; those that are not there are left out. */
export async function compareScrapers(
  door: Door,
  programs: { readonly prometheus: string; readonly vmagent: string | null },
): Promise<Compared[]> {
  const folder = await temporaryFolder();
  const target = await scrapeTarget();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const scrape = `
  - job_name: shop
    static_configs: [{ targets: ['${target.address}'] }]`;
  const authorization = door.key === '' ? '' : `\n    authorization: { credentials: ${door.key} }`;
  const writes = Object.entries(versions).map(
    ([version, message]) => `
  - url: ${door.url}/api/v1/write
    protobuf_message: ${message}
    send_exemplars: true
    send_native_histograms: true${authorization}
    write_relabel_configs: [{ target_label: door, replacement: '${version}' }]`,
  );
  await writeFile(
    join(folder, 'prometheus.yml'),
    `rule_files: [rules.yml]
global: { scrape_interval: 1s, evaluation_interval: 1s, scrape_native_histograms: true, scrape_protocols: [PrometheusProto, OpenMetricsText1.0.0, OpenMetricsText0.0.1, PrometheusText0.0.4] }
remote_write:${writes.join('')}
scrape_configs:${scrape}
  - job_name: nhcb
    convert_classic_histograms_to_nhcb: true
    static_configs: [{ targets: ['${target.address}'] }]
  - job_name: itself
    static_configs: [{ targets: ['127.0.0.1:${port}'] }]
`,
  );
  // Float histograms, exponential ones and of buckets of their own.
  await writeFile(
    join(folder, 'rules.yml'),
    `groups:
  - name: rates
    rules:
      - { record: 'itself:requests:rate', expr: 'rate(prometheus_http_request_duration_seconds{job="itself"}[5s])' }
      - { record: 'shop:custom:third', expr: 'shop_seconds{job="nhcb"} / 3' }
`,
  );
  await writeFile(join(folder, 'vmagent.yml'), `global: { scrape_interval: 1s }\nscrape_configs:${scrape}\n`);
  await mkdir(join(folder, 'vmagent'));
  const features = 'exemplar-storage,created-timestamp-zero-ingestion,metadata-wal-records';
  const prometheus = await program(
    programs.prometheus,
    [
      `--web.listen-address=127.0.0.1:${port}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--enable-feature=${features}`,
    ],
    join(folder, 'prometheus.log'),
  );
  const vmagentPort = await freePort();
  const vmagent =
    programs.vmagent === null
      ? null
      : await program(
          programs.vmagent,
          [
            `-httpListenAddr=127.0.0.1:${vmagentPort}`,
            `-promscrape.config=${join(folder, 'vmagent.yml')}`,
            `-remoteWrite.url=${door.url}/api/v1/write`,
            `-remoteWrite.tmpDataPath=${join(folder, 'vmagent')}`,
            '-remoteWrite.label=door=vmagent',
            ...(door.key === '' ? [] : [`-remoteWrite.bearerToken=${door.key}`]),
          ],
          join(folder, 'vmagent.log'),
        );
  try {
    await eventually(async () => ((await fetch(`${url}/-/ready`)).ok ? true : undefined), 30_000);
    // What Prometheus has from before its queues began it does not send.
    const from = Date.now() / 1000 + 2;
    await sleep(12_000);
    const at = { from, to: Date.now() / 1000 - 2 };
    const out: Compared[] = [];
    for (const version of Object.keys(versions))
      out.push(await compareWithPrometheus(door, url, version, at));
    if (vmagent) out.push(await compareVmagent(door, url, at));
    out.push(await compareEnds(door, url, target));
    const refused = (await readFile(join(folder, 'prometheus.log'), 'utf8'))
      .split('\n')
      .filter((line) => /remote/.test(line) && /level=(warn|error)/i.test(line))
      .filter((line) => !/metadata_config.send|custom buckets/.test(line));
    if (refused.length > 0) out.push({ told: "Prometheus' log", differences: refused.slice(0, 5) });
    return out;
  } finally {
    await vmagent?.stop();
    await prometheus.stop();
    await target.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function differencesOf(expected: Map<string, Series>, found: Map<string, Series>): string[] {
  const out: string[] = [];
  for (const [labels, series] of expected) {
    const other = found.get(labels);
    if (!other) out.push(`missing: ${labels}`);
    else if (JSON.stringify(series.values) !== JSON.stringify(other.values))
      out.push(`${labels}: ${JSON.stringify(series.values)} is here ${JSON.stringify(other.values)}`);
    else if (rounded(series.histograms) !== rounded(other.histograms))
      out.push(`${labels}: ${JSON.stringify(series.histograms)} is here ${JSON.stringify(other.histograms)}`);
  }
  for (const labels of found.keys()) if (!expected.has(labels)) out.push(`too much: ${labels}`);
  return out;
}

/** Bounds of buckets are powers that Go and JavaScript round differently. */
function rounded(histograms: Series['histograms']): string {
  return JSON.stringify(histograms, (_key, value: unknown) =>
    typeof value === 'string' && value.length > 14 ? Number(value).toPrecision(13) : value,
  );
}

async function compareWithPrometheus(door: Door, url: string, version: string, at: Span): Promise<Compared> {
  // 1.0 has no histograms with buckets of their own, and Prometheus leaves them out.
  const jobs = version === '1.0' ? 'shop|itself' : '.+';
  const selector = `job=~"${jobs}"`;
  const expected = await samples(url, `{${selector}}`, at);
  // What was scraped before `at` may still be on its way.
  let differences: string[] = [];
  await eventually(async () => {
    const found = await samples(door.url, `{${selector},door="${version}"}`, at, bearer(door.key));
    // Those with buckets of their own are native histograms under their plain name, and classic series otherwise.
    for (const [labels, series] of found)
      if (/"(shop_seconds|shop:custom:third)_.*"nhcb"/.test(labels) && series.values) found.delete(labels);
    for (const name of ['shop_seconds', 'shop:custom:third']) {
      const selected = `${name}{job="nhcb",door="${version}"}`;
      const custom = await samples(door.url, selected, at, bearer(door.key));
      for (const [labels, series] of custom) found.set(labels, series);
    }
    differences = differencesOf(expected, found);
    return differences.length === 0 ? true : undefined;
  }, 30_000).catch(() => undefined);
  const values = [...expected.values()].reduce((sum, { values = [] }) => sum + values.length, 0);
  const histograms = [...expected.values()].reduce((sum, { histograms = [] }) => sum + histograms.length, 0);
  const exemplars = await compareExemplars(door, url, version, at);
  const metadata = version === '2.0' ? await compareMetadata(door, url) : [];
  return {
    told: `Prometheus, remote write ${version}: ${expected.size} series, ${values} samples, ${histograms} native histograms`,
    differences: [...differences, ...exemplars, ...metadata],
  };
}

interface Exemplars {
  readonly seriesLabels: Record<string, string>;
  readonly exemplars: readonly { labels: Record<string, string>; value: string; timestamp: number }[];
}

async function compareExemplars(door: Door, url: string, version: string, at: Span): Promise<string[]> {
  const asked = { start: String(at.from), end: String(at.to) };
  const text = (all: readonly Exemplars[]) =>
    all
      .flatMap(({ seriesLabels, exemplars }) =>
        exemplars.map((one) =>
          JSON.stringify([
            ownLabels(seriesLabels),
            Object.entries(one.labels).sort(),
            one.value,
            one.timestamp,
          ]),
        ),
      )
      .sort();
  const own = text(await api<Exemplars[]>(url, 'query_exemplars', { ...asked, query: '{job="shop"}' }));
  const here = text(
    await api<Exemplars[]>(
      door.url,
      'query_exemplars',
      { ...asked, query: `{job="shop",door="${version}"}` },
      bearer(door.key),
    ),
  );
  if (own.length === 0) return ['Prometheus has no exemplars'];
  return [
    ...own.filter((one) => !here.includes(one)).map((one) => `exemplar missing: ${one}`),
    ...here.filter((one) => !own.includes(one)).map((one) => `exemplar too much: ${one}`),
  ];
}

/** The series of a summary are numbers, and those of info and unknown too. */
const shownAs = new Map([
  ['unknown', 'gauge'],
  ['info', 'gauge'],
  ['summary', 'counter'],
]);

async function compareMetadata(door: Door, url: string): Promise<string[]> {
  type Metadata = Record<string, { type: string; help: string; unit: string }[]>;
  const own = await api<Metadata>(url, 'metadata', {});
  const here = await api<Metadata>(door.url, 'metadata', {}, bearer(door.key));
  return Object.entries(own)
    .filter(([name]) => name.startsWith('shop'))
    .flatMap(([name, [expected]]) => {
      // The names of series, not of families; a type that is not known is shown as a gauge's, as most are.
      const type = shownAs.get(expected?.type ?? '') ?? expected?.type;
      const found = ['', '_total', '_info', '_count'].flatMap((end) => here[name + end] ?? []);
      const same = found.some(
        (one) =>
          [type, expected?.type].includes(one.type) &&
          one.help === expected?.help &&
          one.unit === expected?.unit,
      );
      return same
        ? []
        : [`metadata of ${name}: ${JSON.stringify(expected)} is here ${JSON.stringify(found)}`];
    });
}

/** Scraped at times of its own, so names, labels and the values that stay are compared. */
async function compareVmagent(door: Door, url: string, at: Span): Promise<Compared> {
  const stay =
    '{job="shop",__name__=~"shop_heat_celsius|shop_wait|shop_build_info|shop:rule:sum|up|shop_requests_total|shop_seconds_.*"}';
  const expected = await samples(url, stay, at);
  const found = await samples(door.url, stay.replace('{', '{door="vmagent",'), at, bearer(door.key));
  const differences: string[] = [];
  for (const [labels, { values = [] }] of expected) {
    const here = found.get(labels)?.values ?? [];
    const moves = /shop_requests|shop_seconds/.test(labels);
    const last = values.at(-1)?.[1];
    const other = here.at(-1)?.[1];
    if (here.length === 0) differences.push(`missing: ${labels}`);
    else if (!moves && last !== other) differences.push(`${labels}: ${last} is here ${other}`);
  }
  for (const labels of found.keys()) if (!expected.has(labels)) differences.push(`too much: ${labels}`);
  return { told: `vmagent: ${expected.size} series`, differences };
}

/** When the target is gone its series end, there and here. */
async function compareEnds(door: Door, url: string, target: { close(): Promise<void> }): Promise<Compared> {
  const query = { query: 'count({job="shop",__name__=~"shop.*"}) by (door)' };
  const before = await api<{ result: unknown[] }>(door.url, 'query', query, bearer(door.key));
  await target.close();
  const differences: string[] = before.result.length === 0 ? ['no series before the target was gone'] : [];
  await eventually(async () => {
    const own = await api<{ result: unknown[] }>(url, 'query', query);
    const here = await api<{ result: unknown[] }>(door.url, 'query', query, bearer(door.key));
    return own.result.length + here.result.length === 0 ? true : undefined;
  }, 15_000).catch(() => differences.push('series did not end with the target'));
  return { told: `stale markers end ${before.result.length} sets of series`, differences };
}
