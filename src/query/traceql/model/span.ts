import {
  parseAttributes,
  parseObjects,
  type AttributeMap,
  type TypedJson,
} from '../../attributes/typed-json.js';

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

/** Which events and links of a span are looked at; all of those that it does not name. */
export interface Focus {
  readonly event?: readonly AttributeMap[];
  readonly link?: readonly AttributeMap[];
}

/** One span under evaluation; JSON columns are parsed when first asked for. */
export class Span {
  #attributes: AttributeMap | undefined;
  #events: AttributeMap[] | undefined;
  #links: AttributeMap[] | undefined;
  #focus: Focus = {};
  trace: Trace | null = null;

  constructor(
    readonly row: SpanRow,
    private readonly cache: AttributeCache,
  ) {}

  get attributes(): AttributeMap {
    return (this.#attributes ??= parseAttributes(this.row.spanAttributes));
  }

  /** The events that are looked at: all, unless a focus says otherwise. */
  get events(): readonly AttributeMap[] {
    return this.#focus.event ?? (this.#events ??= parseObjects(this.row.events));
  }

  get links(): readonly AttributeMap[] {
    return this.#focus.link ?? (this.#links ??= parseObjects(this.row.links));
  }

  /** Reads the span as if it had no other events and links than the focus names. */
  focused<T>(focus: Focus, read: () => T): T {
    const before = this.#focus;
    this.#focus = { ...before, ...focus };
    try {
      return read();
    } finally {
      this.#focus = before;
    }
  }

  get parent(): Span | null {
    return this.trace?.parentOf(this) ?? null;
  }

  /** The resource's attribute; its column has the service's name when the attribute is missing. */
  resource(name: string): TypedJson | undefined {
    if (name === 'service.name' && this.row.serviceName !== null) return this.row.serviceName;
    return this.resourceAttributes.get(name);
  }

  scope(name: string): TypedJson | undefined {
    return this.scopeAttributes.get(name);
  }

  get resourceAttributes(): AttributeMap {
    return this.cache.parse(this.row.resourceAttributes);
  }

  get scopeAttributes(): AttributeMap {
    return this.cache.parse(this.row.scopeAttributes);
  }
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
    const first = spans[0]?.row.start ?? 0n;
    let [start, end] = [first, first];
    for (const span of spans) {
      const { row } = span;
      span.trace = this;
      if (!this.#byId.has(row.spanId)) this.#byId.set(row.spanId, span);
      if (row.start < start) start = row.start;
      // A span that ends before its start, or without an end, has no length.
      if (row.start > end) end = row.start;
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

  /** Roots have parent -1; spans not connected to a root have zeros. */
  nestedSet(span: Span): NestedSet {
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
