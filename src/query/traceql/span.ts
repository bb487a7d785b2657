import type { Field, FieldExpr, IntrinsicName, Value } from './ast.js';
import { parseAttributes, parseObjects, type AttributeMap } from '../attributes/typed-json.js';
import { fromJson, nil, text } from './value.js';

/** Which of the wide columns a query reads. */
export interface SpanColumns {
  readonly spanAttributes: boolean;
  readonly resourceAttributes: boolean;
  readonly scopeAttributes: boolean;
  readonly events: boolean;
  readonly links: boolean;
}

export interface SpanRow {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly kind: number;
  readonly status: number;
  readonly statusMessage: string;
  /** Nanoseconds since the epoch. */
  readonly start: bigint;
  readonly end: bigint;
  readonly duration: bigint;
  readonly serviceName: string | null;
  readonly scopeName: string | null;
  readonly scopeVersion: string | null;
  readonly spanAttributes: string | null;
  readonly resourceAttributes: string | null;
  readonly scopeAttributes: string | null;
  readonly events: string | null;
  readonly links: string | null;
}

/** Resources are shared by many spans; their text is parsed once. */
export class AttributeCache {
  readonly #parsed = new Map<string, AttributeMap>();

  parse(json: string | null): AttributeMap {
    if (json === null) return parseAttributes(null);
    let parsed = this.#parsed.get(json);
    if (!parsed) {
      parsed = parseAttributes(json);
      if (this.#parsed.size < 10_000) this.#parsed.set(json, parsed);
    }
    return parsed;
  }
}

/** One span under evaluation; JSON columns are parsed when first asked for. */
export class Span {
  #attributes: AttributeMap | undefined;
  #events: AttributeMap[] | undefined;
  #links: AttributeMap[] | undefined;
  trace: Trace | null = null;

  constructor(
    readonly row: SpanRow,
    private readonly cache: AttributeCache,
  ) {}

  get attributes(): AttributeMap {
    return (this.#attributes ??= parseAttributes(this.row.spanAttributes));
  }

  get events(): AttributeMap[] {
    return (this.#events ??= parseObjects(this.row.events));
  }

  get links(): AttributeMap[] {
    return (this.#links ??= parseObjects(this.row.links));
  }

  get parent(): Span | null {
    return this.trace?.parentOf(this) ?? null;
  }

  value(field: Field): Value {
    return field.kind === 'attribute' ? this.#attribute(field) : this.#intrinsic(field.name);
  }

  #attribute(field: Extract<Field, { kind: 'attribute' }>): Value {
    if (field.parent) return this.parent?.value({ ...field, parent: false }) ?? nil;
    const { name } = field;
    switch (field.scope) {
      case 'span':
        return fromJson(this.attributes.get(name));
      case 'resource':
        return this.#resource(name);
      case 'instrumentation':
        return fromJson(this.cache.parse(this.row.scopeAttributes).get(name));
      case 'event':
        return each(this.events.map((event) => nested(event, name)));
      case 'link':
        return each(this.links.map((link) => nested(link, name)));
      case 'none': {
        const own = fromJson(this.attributes.get(name));
        return own.type === 'nil' ? this.#resource(name) : own;
      }
    }
  }

  #resource(name: string): Value {
    if (name === 'service.name' && this.row.serviceName !== null) return text(this.row.serviceName);
    return fromJson(this.cache.parse(this.row.resourceAttributes).get(name));
  }

  #intrinsic(name: Extract<Field, { kind: 'intrinsic' }>['name']): Value {
    const { row } = this;
    switch (name) {
      case 'duration':
        return { type: 'duration', value: row.duration };
      case 'name':
        return text(row.name);
      case 'status':
        return { type: 'status', value: row.status };
      case 'statusMessage':
        return text(row.statusMessage);
      case 'kind':
        return { type: 'kind', value: row.kind };
      case 'trace:id':
        return text(row.traceId);
      case 'span:id':
        return text(row.spanId);
      case 'span:parentID':
      case 'parent':
        return row.parentSpanId === null ? nil : text(row.parentSpanId);
      case 'instrumentation:name':
        return text(row.scopeName ?? '');
      case 'instrumentation:version':
        return text(row.scopeVersion ?? '');
      case 'event:name':
        return each(this.events.map((event) => fromJson(event.get('name'))));
      case 'event:timeSinceStart':
        return each(this.events.map((event) => sinceStart(event, row.start)));
      case 'link:traceID':
        return each(this.links.map((link) => fromJson(link.get('trace_id'))));
      case 'link:spanID':
        return each(this.links.map((link) => fromJson(link.get('span_id'))));
      default:
        return this.trace?.intrinsic(name, this) ?? nil;
    }
  }
}

const emptyWhenMissing: ReadonlySet<string> = new Set<IntrinsicName>([
  ...(['instrumentation:name', 'instrumentation:version'] as const),
  ...(['rootName', 'rootServiceName'] as const),
]);

/** Whether a field has no value: intrinsics of text are then empty in comparisons, and equal to nil as well. */
export function isMissing(field: FieldExpr, value: Value): boolean {
  if (value.type === 'nil') return true;
  if (field.kind !== 'intrinsic' || value.type !== 'string') return false;
  return value.value === '' && emptyWhenMissing.has(field.name);
}

function each(values: Value[]): Value {
  const present = values.filter((value) => value.type !== 'nil');
  return present.length === 0 ? nil : { type: 'each', values: present };
}

function nested(entry: AttributeMap, name: string): Value {
  const attributes = entry.get('attributes');
  return attributes instanceof Map ? fromJson(attributes.get(name)) : nil;
}

function sinceStart(event: AttributeMap, start: bigint): Value {
  const time = event.get('time_unix_nano');
  if (typeof time !== 'string' && typeof time !== 'bigint') return nil;
  return { type: 'duration', value: BigInt(time) - start };
}

interface NestedSet {
  readonly left: bigint;
  readonly right: bigint;
  readonly parent: bigint;
}

/** The spans of one trace and how they hang together. */
export class Trace {
  readonly #byId = new Map<string, Span>();
  readonly #children = new Map<string, Span[]>();
  #nestedSets: Map<Span, NestedSet> | undefined;
  readonly root: Span | null;
  readonly start: bigint;
  readonly end: bigint;

  constructor(
    readonly traceId: string,
    readonly spans: readonly Span[],
    /** Spans were left out because the trace is too large. */
    readonly truncated = false,
  ) {
    let root: Span | null = null;
    let [start, end] = [spans[0]?.row.start ?? 0n, 0n];
    for (const span of spans) {
      const { row } = span;
      span.trace = this;
      if (!this.#byId.has(row.spanId)) this.#byId.set(row.spanId, span);
      if (row.start < start) start = row.start;
      if (row.end > end) end = row.end;
      if (row.parentSpanId === null) {
        if (root === null || row.start < root.row.start) root = span;
      } else {
        const siblings = this.#children.get(row.parentSpanId);
        if (siblings) siblings.push(span);
        else this.#children.set(row.parentSpanId, [span]);
      }
    }
    this.root = root;
    this.start = start;
    this.end = end;
  }

  parentOf(span: Span): Span | null {
    const parent = span.row.parentSpanId === null ? undefined : this.#byId.get(span.row.parentSpanId);
    return parent === undefined || parent === span ? null : parent;
  }

  childrenOf(span: Span): readonly Span[] {
    return this.#children.get(span.row.spanId) ?? [];
  }

  intrinsic(name: string, span: Span): Value {
    switch (name) {
      case 'childCount':
        return { type: 'int', value: BigInt(this.childrenOf(span).length) };
      case 'traceDuration':
        return { type: 'duration', value: this.end - this.start };
      case 'rootName':
        return text(this.root?.row.name ?? '');
      case 'rootServiceName':
        return text(this.root?.row.serviceName ?? '');
      case 'nestedSetLeft':
        return { type: 'int', value: this.#nestedSet(span).left };
      case 'nestedSetRight':
        return { type: 'int', value: this.#nestedSet(span).right };
      case 'nestedSetParent':
        return { type: 'int', value: this.#nestedSet(span).parent };
      default:
        return nil;
    }
  }

  /** Roots have parent -1; spans not connected to a root have zeros. */
  #nestedSet(span: Span): NestedSet {
    this.#nestedSets ??= this.#number();
    return this.#nestedSets.get(span) ?? { left: 0n, right: 0n, parent: 0n };
  }

  #number(): Map<Span, NestedSet> {
    const out = new Map<Span, NestedSet>();
    const lefts = new Map<Span, bigint>();
    let next = 1n;
    for (const root of this.spans) {
      if (root.row.parentSpanId !== null) continue;
      const stack: { span: Span; parent: bigint; leave: boolean }[] = [
        { span: root, parent: -1n, leave: false },
      ];
      for (let entry = stack.pop(); entry; entry = stack.pop()) {
        const { span, parent, leave } = entry;
        if (leave) {
          out.set(span, { left: lefts.get(span) ?? 0n, right: next++, parent });
          continue;
        }
        if (lefts.has(span)) continue;
        const left = next++;
        lefts.set(span, left);
        stack.push({ span, parent, leave: true });
        for (const child of this.childrenOf(span).toReversed())
          stack.push({ span: child, parent: left, leave: false });
      }
    }
    return out;
  }
}
