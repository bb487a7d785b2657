import { startServer, temporaryFolder, sql, eventually, type TestServer } from '../support/server.js';
import { exports } from './data.js';
import type { Asked } from './queries.js';

/** What is kept of an answer: everything but figures of the run (times, bytes read). */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Tables with the rows that each export of `exports()` adds, so that all of them are seen before the next step. */
const tables = ['logs', 'spans', 'metric_gauge', 'metric_sum', 'metric_histogram'];

const env = {
  CANARDSTACK_ACCEPT_LATE_SECS: String(400 * 86_400),
  CANARDSTACK_ACCEPT_FUTURE_SECS: String(400 * 86_400),
};

async function rows(server: TestServer): Promise<string> {
  const counts = tables.map((table) => `(SELECT count(*) FROM lake.${table})`).join(` || ' ' || `);
  return String((await sql(server, `SELECT ${counts} AS counts`))[0]?.['counts']);
}

async function fill(server: TestServer, from: number, to: number): Promise<void> {
  const before = await rows(server);
  for (const { path, body } of exports(from, to)) {
    const sent = await fetch(server.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!sent.ok) throw new Error(`${path}: ${sent.status} ${await sent.text()}`);
  }
  await admin(server, 'seal');
  await eventually(async () => ((await rows(server)) === before ? undefined : true));
}

async function admin(server: TestServer, task: 'seal' | 'checkpoint'): Promise<void> {
  const answer = await fetch(`${server.url}/api/admin/maintenance/${task}`, { method: 'POST' });
  if (!answer.ok) throw new Error(`${task}: ${answer.status} ${await answer.text()}`);
}

/**
 * A server whose hour lies in the lake as users have it: the first third compacted, the second committed as
 * files, the last inlined in the catalog.
 */
export async function filledServer(): Promise<TestServer> {
  const dataDir = await temporaryFolder();
  const first = await startServer({ dataDir, env: { ...env, CANARDSTACK_DATA_INLINING_ROW_LIMIT: '10' } });
  try {
    await fill(first, 0, 10);
    await fill(first, 10, 20);
    await admin(first, 'checkpoint');
    await fill(first, 20, 40);
  } finally {
    await first.stop();
  }
  const second = await startServer({
    dataDir,
    env: { ...env, CANARDSTACK_DATA_INLINING_ROW_LIMIT: '1000000' },
  });
  await fill(second, 40, 60);
  return second;
}

/** Figures of the run, which differ each time. */
const volatile = new Set(['stats', 'metrics', 'traceID']);

function withoutFigures(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  return Object.fromEntries(
    Object.entries(body)
      .filter(([key]) => !volatile.has(key))
      .map(([key, value]) => [key, key === 'data' ? withoutFigures(value) : value]),
  );
}

/** Sums differ in their last digits with the order in which DuckDB's threads add. */
function rounded(value: unknown): unknown {
  const long = typeof value === 'number' || (typeof value === 'string' && /^-?\d+\.\d{9,}$/.test(value));
  return long ? Number(Number(value).toPrecision(11)) : value;
}

/** Which spans stand for a series in Tempo's metrics is left to chance. */
const settled = (path: string) => (key: string, value: unknown) =>
  key === 'exemplars' && path.startsWith('/api/metrics/') && Array.isArray(value)
    ? value.length
    : rounded(value);

export async function ask(server: TestServer, { path }: Asked): Promise<Answer> {
  const answer = await fetch(server.url + path);
  const text = await answer.text();
  try {
    return { status: answer.status, body: withoutFigures(JSON.parse(text, settled(path))) };
  } catch {
    return { status: answer.status, body: text };
  }
}
