import { getJson } from './client';

interface AnyValue {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly bytesValue?: string;
  readonly arrayValue?: { readonly values?: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values?: readonly KeyValue[] };
}

interface KeyValue {
  readonly key: string;
  readonly value?: AnyValue;
}

interface OtlpSpan {
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name?: string;
  readonly kind?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly KeyValue[];
  readonly events?: readonly {
    readonly name?: string;
    readonly timeUnixNano: string;
    readonly attributes?: readonly KeyValue[];
  }[];
  readonly links?: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly attributes?: readonly KeyValue[];
  }[];
  readonly status?: { readonly code?: string; readonly message?: string };
}

interface OtlpTrace {
  readonly trace?: {
    readonly resourceSpans?: readonly {
      readonly resource?: { readonly attributes?: readonly KeyValue[] };
      readonly scopeSpans?: readonly {
        readonly scope?: { readonly name?: string };
        readonly spans?: readonly OtlpSpan[];
      }[];
    }[];
  };
  readonly message?: string;
}

export type Attributes = readonly (readonly [name: string, value: string])[];

export interface Span {
  readonly id: string;
  readonly parentId: string;
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  readonly scope: string;
  /** Milliseconds after the trace's start. */
  readonly startMs: number;
  readonly endMs: number;
  readonly failed: boolean;
  readonly statusMessage: string;
  readonly attributes: Attributes;
  readonly resource: Attributes;
  readonly events: readonly {
    readonly name: string;
    readonly atMs: number;
    readonly attributes: Attributes;
  }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly depth: number;
  readonly children: readonly Span[];
}

export interface Trace {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly durationMs: number;
  /** Each before its children, which are in the order of their starts. */
  readonly spans: readonly Span[];
  readonly services: readonly string[];
  /** Set when the trace has more than what came. */
  readonly partial: string;
}

/** Of what came as base64 (OTLP/JSON by Tempo) or hex. */
function hex(id: string | undefined): string {
  if (!id) return '';
  if (/^([0-9a-f]{16}|[0-9a-f]{32})$/i.test(id)) return id.toLowerCase();
  return [...atob(id)].map((char) => char.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}

function shown(value: AnyValue | undefined): string {
  if (!value) return '';
  if (value.arrayValue) return `[${(value.arrayValue.values ?? []).map(shown).join(', ')}]`;
  if (value.kvlistValue) return JSON.stringify(Object.fromEntries(attributes(value.kvlistValue.values)));
  return String(
    value.stringValue ?? value.intValue ?? value.doubleValue ?? value.boolValue ?? value.bytesValue ?? '',
  );
}

function attributes(list: readonly KeyValue[] = []): Attributes {
  return list.map(({ key, value }) => [key, shown(value)] as const).sort(([a], [b]) => (a < b ? -1 : 1));
}

type Building = Omit<Span, 'depth' | 'children'> & { depth: number; children: Building[] };

export async function readTrace(id: string, signal: AbortSignal): Promise<Trace> {
  const body = await getJson<OtlpTrace>(`/api/v2/traces/${encodeURIComponent(id)}`, {}, signal);
  const groups = body.trace?.resourceSpans ?? [];
  const all = groups.flatMap(({ scopeSpans = [] }) => scopeSpans.flatMap(({ spans = [] }) => spans));
  const base = all.reduce<bigint | null>((least, { startTimeUnixNano }) => {
    const start = BigInt(startTimeUnixNano);
    return least === null || start < least ? start : least;
  }, null);
  const after = (ns: string) => Number(BigInt(ns) - (base ?? 0n)) / 1e6;
  const found: Building[] = [];
  for (const { resource, scopeSpans = [] } of groups) {
    const ofResource = attributes(resource?.attributes);
    const service = ofResource.find(([name]) => name === 'service.name')?.[1] ?? 'unknown_service';
    for (const { scope, spans = [] } of scopeSpans) {
      for (const span of spans) {
        found.push({
          id: hex(span.spanId),
          parentId: hex(span.parentSpanId),
          service,
          name: span.name ?? '',
          kind: (span.kind ?? '').replace('SPAN_KIND_', '').toLowerCase(),
          scope: scope?.name ?? '',
          startMs: after(span.startTimeUnixNano),
          endMs: after(span.endTimeUnixNano),
          failed: span.status?.code === 'STATUS_CODE_ERROR',
          statusMessage: span.status?.message ?? '',
          attributes: attributes(span.attributes),
          resource: ofResource,
          events: (span.events ?? []).map((event) => ({
            name: event.name ?? '',
            atMs: after(event.timeUnixNano),
            attributes: attributes(event.attributes),
          })),
          links: (span.links ?? []).map((link) => ({ traceId: hex(link.traceId), spanId: hex(link.spanId) })),
          depth: 0,
          children: [],
        });
      }
    }
  }
  const spans = inOrder(found);
  return {
    id,
    startMs: Number((base ?? 0n) / 1000n) / 1000,
    durationMs: spans.reduce((most, { endMs }) => Math.max(most, endMs), 0),
    spans,
    services: [...new Set(spans.map(({ service }) => service))],
    partial: body.message ?? '',
  };
}

/** Depth first; spans whose parent is not there are roots, and a circle of parents is cut. */
function inOrder(found: readonly Building[]): Building[] {
  const byId = new Map(found.map((span) => [span.id, span]));
  const roots: Building[] = [];
  for (const span of found) {
    const parent = span.parentId === span.id ? undefined : byId.get(span.parentId);
    if (parent) parent.children.push(span);
    else roots.push(span);
  }
  const spans: Building[] = [];
  const seen = new Set<Building>();
  const byStart = (a: Building, b: Building) => a.startMs - b.startMs;
  const visit = (from: Building[]) => {
    const stack = [...from].sort(byStart).reverse();
    for (let span = stack.pop(); span; span = stack.pop()) {
      if (seen.has(span)) continue;
      seen.add(span);
      spans.push(span);
      span.children.sort(byStart);
      for (const child of [...span.children].reverse()) {
        child.depth = span.depth + 1;
        stack.push(child);
      }
    }
  };
  visit(roots);
  for (const span of found) if (!seen.has(span)) visit([span]);
  return spans;
}
