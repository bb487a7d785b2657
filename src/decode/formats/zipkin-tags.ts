import { promotedColumns } from '../../schema/index.js';
import type { WireWriter } from '../wire/wire-writer.js';
import { scanJson } from '../json/scan.js';
import { isObject } from './json-text.js';
import { writeAttribute } from './log-request.js';

/** What the tags of a span say beside its attributes, as OpenTelemetry's exporters for Zipkin write it. */
export interface TaggedSpan {
  readonly resource: readonly (readonly [string, unknown])[];
  readonly attributes: readonly (readonly [string, unknown])[];
  readonly scope: { readonly name: string; readonly version: string };
  readonly traceState: string;
  /** Status.StatusCode of opentelemetry-proto. */
  readonly status: bigint;
  readonly message: string;
  readonly links: readonly SpanLink[];
}

interface SpanLink {
  /** Hexadecimal digits. */
  readonly traceId: string;
  readonly spanId: string;
  readonly traceState: string;
  readonly attributes: Record<string, unknown>;
}

const resourceKeys: ReadonlySet<string> = new Set([
  'service.namespace',
  'service.instance.id',
  ...promotedColumns('logs').flatMap(({ keys }) => keys),
]);
const statuses: ReadonlyMap<unknown, bigint> = new Map([
  ['OK', 1n],
  ['STATUS_CODE_OK', 1n],
  ['ERROR', 2n],
  ['STATUS_CODE_ERROR', 2n],
]);
/** Told by fields of a span of their own; the older names are of scopes, and `otlp.` the Collector's. */
const own: ReadonlySet<string> = new Set(
  `otel.status_code otel.status_description otel.scope.name otel.scope.version otel.library.name otel.library.version w3c.tracestate`.split(
    ' ',
  ),
);
/** Of attributes that are a text, once parsed. */
const maxTextBytes = 2 ** 20;
const linkKey = /^otlp\.link\.\d+$/;

/** `service` is the one of the span's local endpoint, '' without. */
export function readTags(tags: ReadonlyMap<string, unknown>, service: string): TaggedSpan {
  const text = (...names: readonly string[]): string => {
    const value = names.map((name) => tags.get(name)).find((one) => typeof one === 'string');
    return typeof value === 'string' ? value : '';
  };
  const error = tags.get('error');
  const told = statuses.get(tags.get('otel.status_code'));
  const status = told ?? (error !== undefined && error !== 'false' ? 2n : 0n);
  const described = text('otel.status_description') || (error === 'true' ? '' : text('error'));
  const name = service || text('service.name');
  const resource: [string, unknown][] = name === '' ? [] : [['service.name', name]];
  const attributes: [string, unknown][] = [];
  const links: SpanLink[] = [];
  for (const [key, value] of tags) {
    if (key === 'otel.status_code' ? told !== undefined : own.has(key) && typeof value === 'string') continue;
    if (key === 'service.name' && (value === service || service === '')) continue;
    // An exporter makes it of the status.
    if (key === 'error' && told !== undefined) continue;
    const link = linkKey.test(key) ? readLink(value) : null;
    if (link) links.push(link);
    else (resourceKeys.has(key) ? resource : attributes).push([key, value]);
  }
  return {
    resource,
    attributes,
    scope: {
      name: text('otel.scope.name', 'otel.library.name'),
      version: text('otel.scope.version', 'otel.library.version'),
    },
    traceState: text('w3c.tracestate'),
    status,
    message: status === 2n ? described : '',
    links,
  };
}

/** `trace|span|state|attributes|dropped`, as the Collector writes a link. */
function readLink(value: unknown): SpanLink | null {
  const found =
    typeof value === 'string' ? /^([0-9a-f]{32})\|([0-9a-f]{16})\|([^|]*)\|(.*)\|\d+$/s.exec(value) : null;
  if (!found) return null;
  const [, traceId = '', spanId = '', traceState = '', json = ''] = found;
  return { traceId, spanId, traceState, attributes: jsonObjectOf(json) ?? {} };
}

/** An event's name and attributes: `name|{…}|dropped` of the Collector, `"name": {…}` of SDKs; else the value is its name. */
export function readEvent(value: string): { name: string; attributes: Record<string, unknown> } {
  const whole = value.replace(/\|\d{1,10}$/, '');
  const between = whole === value ? ':' : '|';
  const at = whole.endsWith('}') ? whole.indexOf(between) : -1;
  const attributes = at > 0 ? jsonObjectOf(whole.slice(at + 1)) : null;
  if (!attributes) return { name: value, attributes: {} };
  return { name: whole.slice(0, at).replace(/^"(.*)"$/s, '$1'), attributes };
}

/** Null also of what is nested too deep or would become too much: the text stays one then. */
function jsonObjectOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(scanJson(Buffer.from(text), maxTextBytes, () => undefined));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

export function writeLinks(out: WireWriter, links: readonly SpanLink[]): void {
  for (const { traceId, spanId, traceState, attributes } of links) {
    const at = out.begin(13);
    out.bytes(1, Buffer.from(traceId, 'hex'));
    out.bytes(2, Buffer.from(spanId, 'hex'));
    if (traceState !== '') out.string(3, traceState);
    for (const [key, value] of Object.entries(attributes)) writeAttribute(out, 4, key, value);
    out.end(at);
  }
}
