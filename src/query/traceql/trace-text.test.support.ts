import { promotedColumns } from '../../schema/index.js';

/** When the spans of fixtures start, unless told otherwise: 2026-03-02T10:00:00Z. */
export const epoch = 1_772_445_600_000_000_000n;

const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const statuses = ['unset', 'ok', 'error'];

export type SpanRow = Record<string, unknown>;

/**
 * Rows of `lake.spans` from a drawing: a line a span, indented below its parent.
 *
 *     trace a1
 *       gateway svc=web kind=server at=0ms dur=120ms http.route=/cart r:host.name=h1
 *         query kind=client at=5ms dur=20ms status=error s:scope.key=1 event={"name":"e","attributes":{}}
 *
 * Keys with a prefix are attributes of the resource (`r:`) or scope (`s:`); other keys than those above, and
 * msg, scope, parent (an id that is not in the drawing) are attributes of the span. Values are JSON when they
 * can be. A service holds for the spans below.
 */
export function drawSpans(drawing: string, start = epoch): SpanRow[] {
  const rows: SpanRow[] = [];
  let traceId = '';
  let open: { indent: number; id: string; service: string }[] = [];
  for (const line of drawing.split('\n').filter((text) => text.trim() !== '')) {
    const indent = line.search(/\S/);
    const [name = '', ...words] = line.trim().split(/\s+/);
    if (name === 'trace') {
      traceId = (words[0] ?? '').padStart(32, '0');
      open = [];
      continue;
    }
    open = open.filter((above) => above.indent < indent);
    const parent = open.at(-1);
    const spanId = (rows.length + 1).toString(16).padStart(16, '0');
    const row = spanRow(name, words, start, parent?.service ?? 'shop');
    rows.push({ parent_span_id: parent?.id ?? null, ...row, trace_id: traceId, span_id: spanId });
    open.push({ indent, id: spanId, service: row['service_name'] as string });
  }
  return rows;
}

function spanRow(name: string, words: readonly string[], start: bigint, inherited: string): SpanRow {
  const [span, resource, scope]: Record<string, string>[] = [{}, {}, {}];
  const events: string[] = [];
  const links: string[] = [];
  let service = inherited;
  let [at, duration] = [0n, 1_000_000n];
  const row: SpanRow = {};
  for (const word of words) {
    const cut = word.indexOf('=');
    const [key, value] = [word.slice(0, cut), word.slice(cut + 1)];
    if (key === 'svc') service = value;
    else if (key === 'kind') row['span_kind'] = kinds.indexOf(value);
    else if (key === 'status') row['status_code'] = statuses.indexOf(value);
    else if (key === 'msg') row['status_message'] = value;
    else if (key === 'scope') [row['scope_name'], row['scope_version']] = value.split('@');
    else if (key === 'parent') row['parent_span_id'] = value;
    else if (key === 'at') at = milliseconds(value);
    else if (key === 'dur') duration = milliseconds(value);
    else if (key === 'event') events.push(value);
    else if (key === 'link') links.push(value);
    else if (key.startsWith('r:')) (resource ?? {})[key.slice(2)] = value;
    else if (key.startsWith('s:')) (scope ?? {})[key.slice(2)] = value;
    else (span ?? {})[key] = value;
  }
  const time = start + at;
  const promoted = promotedColumns('traces').flatMap(({ column, from, keys }) => {
    const source = (from === 'resource' ? resource : span) ?? {};
    const key = keys.find((candidate) => candidate in source);
    return key === undefined ? [] : [[column, plain(source[key] ?? '')] as const];
  });
  return {
    timestamp: new Date(Number(time / 1_000_000n)).toISOString().slice(0, 23).replace('T', ' '),
    start_time_unix_nano: time,
    end_time_unix_nano: time + duration,
    end_timestamp: (time + duration) / 1_000_000n,
    duration: duration / 1_000_000n,
    duration_nano: duration,
    span_name: name,
    service_name: service,
    resource_attributes: object({ 'service.name': service, ...resource }),
    span_attributes: object(span ?? {}),
    scope_attributes: object(scope ?? {}),
    events_json: events.length > 0 ? `[${events.join(',')}]` : null,
    links_json: links.length > 0 ? `[${links.join(',')}]` : null,
    ...Object.fromEntries(promoted),
    ...row,
  };
}

function milliseconds(text: string): bigint {
  return BigInt(Math.round(Number(text.replace('ms', '')) * 1e6));
}

/** Text, as numbers such as 1.0 and 2^60 must stay as they are written. */
function object(fields: Record<string, string>): string | null {
  const entries = Object.entries(fields);
  if (entries.length === 0) return null;
  return `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${isJson(value) ? value : JSON.stringify(value)}`).join(',')}}`;
}

/** The text that a promoted column holds. */
function plain(value: string): string | null {
  if (!isJson(value)) return value;
  const parsed: unknown = JSON.parse(value);
  return parsed === null || parsed === '' ? null : typeof parsed === 'string' ? parsed : value;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
