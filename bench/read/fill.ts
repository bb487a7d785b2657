import { once } from 'node:events';
import { request } from 'node:http';
import { metricSum } from '../../test/support/metrics.js';
import { eventually, sql, type TestServer } from '../../test/support/server.js';
import { history, type Amount, type Export } from './history.js';
import type { KnownPeer, Running } from './peers.js';
import type { Needles, Span } from './questions.js';

/** What is kept beside the data, so that a second run asks the same of the same. */
export interface Filled extends Span {
  readonly needles: Needles;
}

/**
 * Sends the history and compacts it. Signals of which there is something already are not sent again, so that a fill which
 * ended before its compaction goes on with it.
 */
export async function fill(
  server: TestServer,
  peers: readonly (Running & KnownPeer)[],
  amount: Amount,
): Promise<Filled> {
  const [there = {}] = await sql(
    server,
    `SELECT (SELECT count(*) FROM lake.logs)::DOUBLE AS logs, (SELECT count(*) FROM lake.spans)::DOUBLE AS spans,
       (SELECT count(*) FROM lake.metric_gauge)::DOUBLE AS series`,
  );
  const missing = (key: 'logs' | 'spans' | 'series') => (Number(there[key]) > 0 ? 0 : amount[key]);
  const wanted = { ...amount, logs: missing('logs'), spans: missing('spans'), series: missing('series') };
  const send = async (requests: Iterable<Export>) => {
    for (const { signal, body } of requests) {
      const targets = peers.flatMap((peer) => {
        const path = signal === 'traces' ? undefined : peer.exports[signal];
        return path === undefined ? [] : [`${peer.url}${path}`];
      });
      await Promise.all([`${server.url}/v1/${signal}`, ...targets].map((url) => post(url, body)));
    }
  };
  const together = history({ ...wanted, series: 0 });
  await Promise.all(Array.from({ length: inFlight }, () => send(together)));
  // Prometheus takes no sample that is older than the last of its series.
  await send(history({ ...wanted, logs: 0, spans: 0 }));
  const sealed = async () =>
    (await metricSum(server, 'canardstack_seal_backlog_bytes')) > 0 ? undefined : true;
  await eventually(sealed, 600_000);
  await compact(server);
  return about(server, amount);
}

/** A CHECKPOINT ends after some minutes, whatever is left to compact. */
async function compact(server: TestServer): Promise<void> {
  const rewritten = () => metricSum(server, 'canardstack_compaction_rows_total');
  for (let before = -1, rows = await rewritten(); rows > before;) {
    before = rows;
    await checkpoint(server);
    rows = await rewritten();
  }
}

/** Requests on their way at a time. */
const inFlight = 4;

/** Times that one request is sent again as its connection was closed. */
const mostClosed = 3;
const closedCodes: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** A server closes a connection that was idle for a while, as a request may just be on its way. */
function isClosed(error: unknown): boolean {
  const cause: unknown = error instanceof TypeError ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && closedCodes.has(cause.code);
}

async function post(url: string, body: Uint8Array): Promise<void> {
  const headers = { 'content-type': 'application/x-protobuf' };
  for (let closed = 0; ;) {
    let answer: Response;
    try {
      answer = await fetch(url, { method: 'POST', headers, body: Uint8Array.from(body) });
      await answer.arrayBuffer();
    } catch (error) {
      if (!isClosed(error) || ++closed > mostClosed) throw error;
      continue;
    }
    if (answer.ok) return;
    if (answer.status !== 429 && answer.status !== 503) throw new Error(`${url}: ${answer.status}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** It may take longer than `fetch` waits. */
async function checkpoint({ url }: TestServer): Promise<void> {
  const sent = request(`${url}/api/admin/maintenance/checkpoint`, { method: 'POST' }).end();
  const [answer] = (await once(sent, 'response')) as [NodeJS.ReadableStream & { statusCode?: number }];
  let text = '';
  for await (const piece of answer) text += String(piece);
  if (answer.statusCode !== 200) throw new Error(`CHECKPOINT: ${text}`);
}

/** The range of the history, and something of its middle to look for. */
async function about(server: TestServer, { logs, spans, series, hours }: Amount): Promise<Filled> {
  const last = [
    ...(logs > 0 ? ['SELECT max(time_unix_nano) AS t FROM lake.logs'] : []),
    ...(spans > 0 ? ['SELECT max(start_time_unix_nano) AS t FROM lake.spans'] : []),
    ...(series > 0 ? ['SELECT max(time_unix_nano) AS t FROM lake.metric_gauge'] : []),
  ].join(' UNION ALL ');
  const [until] = await sql(server, `SELECT ceil(max(t) / 1e9)::DOUBLE AS t FROM (${last})`);
  const end = Number(until?.['t']);
  const start = end - hours * 3600;
  const middle = BigInt(Math.floor((start + end) / 2)) * 1_000_000_000n;
  const [line] = await sql(
    server,
    `SELECT trace_id, regexp_extract(body, '[0-9a-f]{16}') AS word,
       json_extract_string(log_attributes, '$."user.id"') AS user FROM lake.logs
     WHERE time_unix_nano >= ${middle} ORDER BY time_unix_nano LIMIT 1`,
  );
  const [span] = await sql(
    server,
    `SELECT trace_id FROM lake.spans WHERE start_time_unix_nano >= ${middle} ORDER BY start_time_unix_nano LIMIT 1`,
  );
  const text = (row: Record<string, unknown> | undefined, column: string) =>
    (row?.[column] as string | undefined) ?? '';
  const needles = {
    traceOfLog: text(line, 'trace_id'),
    order: text(line, 'word'),
    user: text(line, 'user'),
    trace: text(span, 'trace_id'),
  };
  return { start, end, needles };
}
