import type { CompiledMatcher } from '../../../series/matchers.js';
import type { QueryContext } from '../../../server/guard.js';
import { and } from '../../../sql/fragment.js';
import { literal, literalList } from '../../../sql/literal.js';
import { timeWindow } from '../../../sql/time-window.js';
import type { Window } from '../../plan/times.js';
import { inWindow, metadataWindow, wantedValues } from '../predicates.js';
import { spanLabels, edgeLabels, messaging, type Family } from './families.js';
import { peerKeys, spanSource } from './spans.js';

export const kinds = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map(
  (kind) => `SPAN_KIND_${kind}`,
);
export const statuses = ['UNSET', 'OK', 'ERROR'].map((status) => `STATUS_CODE_${status}`);

/** How far apart the spans of a request may begin in its client and its server. */
const pairingNs = 300_000_000_000n;

const serverSide = '(2, 5)';
const clientSide = '(3, 4)';

function asLabel(column: string, names: readonly string[], other: string): string {
  const known = names.map((name, i) => `WHEN ${i} THEN ${literal(name)}`).join(' ');
  return `CASE coalesce(${column}, 0) ${known} ELSE ${literal(other)} || ${column} END`;
}

/** An attribute of the resource, or else of the span, as text; NULL where neither has it. */
function attribute(key: string): string {
  const path = literal(`$.${JSON.stringify(key)}`);
  const from = (column: string) =>
    `CASE WHEN contains(${column}, ${literal(`${JSON.stringify(key)}:`)}) THEN json_extract_string(${column}, ${path}) END`;
  return `coalesce(${from('resource_attributes')}, ${from('span_attributes')})`;
}

/** One of `peerKeys`, of the list of them in `a`; NULL where the span has none, or an empty one. */
function ofSpan(key: string): string {
  return `nullif(a[${peerKeys.indexOf(key) + 1}], '')`;
}

function firstOf(keys: readonly string[]): string {
  return `coalesce(${keys.map(ofSpan).join(', ')})`;
}

/** The values of labels that matchers list, as conditions on what the rows of a family have by these names. */
function listed(matchers: readonly CompiledMatcher[], columns: ReadonlyMap<string, string>): string[] {
  return matchers.flatMap((matcher) => {
    const column = columns.get(matcher.name);
    const values = wantedValues(matcher);
    return column === undefined || !values ? [] : [`${column} IN ${literalList(values)}`];
  });
}

/**
 * Rows of what a family counts: its labels, `trace_id`, `t` (nanoseconds since the epoch), `failed`, `server_ns`, `client_ns`,
 * `messaging_ns` (of what connections by messages are) and `size` (bytes). Those whose start is in the window.
 */
export function countedRows(
  ctx: QueryContext,
  family: Family,
  matchers: readonly CompiledMatcher[],
  window: Window,
): Promise<string> {
  return family.source === 'spans' ? spanRows(ctx, matchers, window) : edgeRows(ctx, matchers, window);
}

/** About the bytes of a span in protobuf, its resource apart: text, two identifiers and its parent's, times, kind and status. */
const size = `60 + ${['span_name', 'span_attributes', 'events_json', 'links_json', 'status_message']
  .map((column) => `coalesce(strlen(${column}), 0)`)
  .join(' + ')}`;

async function spanRows(
  ctx: QueryContext,
  matchers: readonly CompiledMatcher[],
  window: Window,
): Promise<string> {
  const { from } = await spanSource(ctx, metadataWindow(window), false);
  const dimensions = ctx.limits.spanMetrics?.dimensions ?? [];
  const columns = new Map<string, string>([
    ['service', 'service_name'],
    ['span_name', 'span_name'],
    ['span_kind', asLabel('span_kind', kinds, 'SPAN_KIND_')],
    ['status_code', asLabel('status_code', statuses, 'STATUS_CODE_')],
  ]);
  const where = and([inWindow(window).sql, ...listed(matchers, columns)]);
  const shown = spanLabels.map((label, i) => `coalesce(${columns.get(label)}, '') AS l${i}`);
  const more = dimensions.map((key, i) => `coalesce(${attribute(key)}, '') AS l${spanLabels.length + i}`);
  return (
    `SELECT ${[...shown, ...more].join(', ')}, trace_id, start_time_unix_nano AS t, status_code = 2 AS failed, ` +
    `duration_nano AS server_ns, duration_nano AS client_ns, 0 AS messaging_ns, ${size} AS size FROM ${from} WHERE ${where}`
  );
}

/**
 * Requests between services, as Tempo's service graph processor finds them: a client's span (or a producer's) and the
 * server's (or consumer's) below it; calls of databases, by the client's span alone; requests from outside ("user") and
 * to what sends no spans but is named by the client. A request begins with its server's span, where there is one.
 */
async function edgeRows(
  ctx: QueryContext,
  matchers: readonly CompiledMatcher[],
  window: Window,
): Promise<string> {
  const { from, until } = metadataWindow(window);
  const within = `t >= ${from} AND t < ${until}`;
  const around = { from: from - pairingNs, until: until + pairingNs };
  const near = timeWindow(around.from, around.until).sql;
  const spans = await spanSource(ctx, { ...around, where: near }, true);
  const shared =
    "trace_id, coalesce(service_name, '') AS service, span_kind, start_time_unix_nano AS t, " +
    'coalesce(status_code = 2, false) AS failed, duration_nano AS ns';
  const peer = firstOf(['peer.service', 'service.peer.name']);
  const database = firstOf(['db.namespace', 'db.name', 'db.system.name', 'db.system']);
  const address = `coalesce(${ofSpan('server.address')}, ${ofSpan('network.peer.address')} || coalesce(':' || ${ofSpan('network.peer.port')}, ''))`;
  const wanted = listed(matchers, new Map(edgeLabels.map((label, i) => [label, `l${i}`])));
  return (
    `SELECT * FROM (WITH c AS (SELECT * EXCLUDE (a), ${peer} AS peer, ${database} AS db, ${address} AS address ` +
    `FROM (SELECT ${shared}, span_id, ${spans.peers} AS a ` +
    `FROM ${spans.from} WHERE ${near} AND span_kind IN ${clientSide})), ` +
    `s AS (SELECT * EXCLUDE (a), ${peer} AS peer FROM (SELECT ${shared}, nullif(parent_span_id, '') AS parent, ` +
    `CASE WHEN coalesce(parent_span_id, '') = '' THEN ${spans.peers} END AS a ` +
    `FROM ${spans.from} WHERE ${near} AND span_kind IN ${serverSide})) ` +
    `SELECT c.service AS l0, coalesce(peer, address, db) AS l1, 'database' AS l2, trace_id, t, failed, ns AS server_ns, ns AS client_ns, 0 AS messaging_ns, 0 AS size ` +
    `FROM c WHERE db IS NOT NULL AND ${within} ` +
    `UNION ALL SELECT c.service, s.service, CASE WHEN c.span_kind = 4 OR s.span_kind = 5 THEN ${literal(messaging)} ELSE '' END, ` +
    `s.trace_id, s.t, c.failed OR s.failed, s.ns, c.ns, greatest(s.t - c.t - c.ns, 0), 0 FROM s JOIN c ON c.trace_id = s.trace_id AND c.span_id = s.parent ` +
    `WHERE c.db IS NULL AND s.${within.replace(' AND t', ' AND s.t')} ` +
    `UNION ALL SELECT coalesce(peer, 'user'), service, 'virtual_node', trace_id, t, failed, ns, 0, 0, 0 FROM s WHERE parent IS NULL AND ${within} ` +
    `UNION ALL SELECT service, peer, 'virtual_node', trace_id, t, failed, 0, ns, 0, 0 FROM c ` +
    `WHERE db IS NULL AND peer IS NOT NULL AND ${within} ` +
    `AND NOT EXISTS (FROM s WHERE s.trace_id = c.trace_id AND s.parent = c.span_id)) ` +
    `WHERE ${and(wanted)}`
  );
}
