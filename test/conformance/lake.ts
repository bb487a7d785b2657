import { eventually, sql, startServer, temporaryFolder, type TestServer } from '../support/server.js';
import type { Export, Language } from './language.js';
import type { Script } from './script.js';

const centurySecs = String(36_500 * 86_400);
const env = {
  CANARDSTACK_ACCEPT_LATE_SECS: centurySecs,
  CANARDSTACK_ACCEPT_FUTURE_SECS: centurySecs,
  CANARDSTACK_RETENTION_DAYS: '36500',
};
const members = {
  '/v1/logs': 'resourceLogs',
  '/v1/traces': 'resourceSpans',
  '/v1/metrics': 'resourceMetrics',
} as const;
const perRequest = 500;

/**
 * A server with the data of the scripts in the states in which users have theirs: of each `load` block the first third
 * is compacted, the second committed as files, the last inlined in the catalog.
 */
export async function filledServer(language: Language, scripts: readonly Script[]): Promise<TestServer> {
  const blocks = scripts.flatMap(({ loads }) =>
    loads.map(({ args, lines, origin }) => language.load(args, lines, origin)),
  );
  const thirds = [0, 1, 2].map((third) =>
    blocks.flatMap((parts) =>
      parts.slice(Math.floor((parts.length * third) / 3), Math.floor((parts.length * (third + 1)) / 3)),
    ),
  );
  const dataDir = await temporaryFolder();
  const first = await startServer({ dataDir, env: { ...env, CANARDSTACK_DATA_INLINING_ROW_LIMIT: '0' } });
  try {
    await fill(first, language, thirds[0] ?? []);
    await admin(first, 'checkpoint');
    await fill(first, language, thirds[1] ?? []);
  } finally {
    await first.stop();
  }
  const second = await startServer({
    dataDir,
    env: { ...env, CANARDSTACK_DATA_INLINING_ROW_LIMIT: '1000000' },
  });
  await fill(second, language, thirds[2] ?? []);
  return second;
}

async function fill(server: TestServer, language: Language, exports: readonly Export[]): Promise<void> {
  if (exports.length === 0) return;
  const before = await rows(server, language);
  for (const path of Object.keys(members) as Export['path'][]) {
    const resources = exports.filter((one) => one.path === path).flatMap((one) => one.resources);
    for (let at = 0; at < resources.length; at += perRequest) {
      const answer = await fetch(server.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ [members[path]]: resources.slice(at, at + perRequest) }),
      });
      const text = await answer.text();
      if (!answer.ok || text.includes('rejected')) throw new Error(`${path}: ${answer.status} ${text}`);
    }
  }
  await admin(server, 'seal');
  await eventually(async () => ((await rows(server, language)) === before ? undefined : true));
}

async function rows(server: TestServer, language: Language): Promise<string> {
  const counts = language.tables.map((table) => `(SELECT count(*) FROM lake.${table})`).join(` || ' ' || `);
  return String((await sql(server, `SELECT ${counts} AS counts`))[0]?.['counts']);
}

async function admin(server: TestServer, task: 'seal' | 'checkpoint'): Promise<void> {
  const answer = await fetch(`${server.url}/api/admin/maintenance/${task}`, { method: 'POST' });
  if (!answer.ok) throw new Error(`${task}: ${answer.status} ${await answer.text()}`);
}
