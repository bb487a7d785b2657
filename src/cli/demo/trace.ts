import type { Attributes, Log, Span, SpanEvent } from './otlp.js';
import type { Random } from './random.js';

/** Spans and logs of one request through the shop. Times are milliseconds since 1970. */
export class Trace {
  readonly spans: Span[] = [];
  readonly logs: Log[] = [];
  readonly traceId: string;

  constructor(readonly random: Random) {
    this.traceId = random.hex(16);
  }
}

interface Options {
  readonly kind: Span['kind'];
  readonly attributes?: Attributes;
}

/** A span under way: work moves its clock on, and its children begin where the clock stands. */
export class Work {
  readonly spanId: string;
  private clockMs: number;
  private readonly attributes: Record<string, string | number | boolean>;
  private readonly events: SpanEvent[] = [];
  private readonly links: { traceId: string; spanId: string }[] = [];
  private error: string | undefined;

  constructor(
    readonly trace: Trace,
    readonly service: string,
    private readonly name: string,
    private readonly startMs: number,
    private readonly options: Options,
    private readonly parentSpanId = '',
  ) {
    this.spanId = trace.random.hex(8);
    this.clockMs = startMs;
    this.attributes = { ...options.attributes };
  }

  get nowMs(): number {
    return this.clockMs;
  }

  get elapsedMs(): number {
    return this.clockMs - this.startMs;
  }

  get failed(): boolean {
    return this.error !== undefined;
  }

  /** Time goes by: about `medianMs`. */
  spend(medianMs: number): void {
    this.clockMs += this.trace.random.latency(medianMs);
  }

  waitUntil(ms: number): void {
    this.clockMs = Math.max(this.clockMs, ms);
  }

  set(name: string, value: string | number | boolean): void {
    this.attributes[name] = value;
  }

  link(traceId: string, spanId: string): void {
    this.links.push({ traceId, spanId });
  }

  fail(message: string): void {
    this.error = message;
  }

  event(name: string, attributes: Attributes): void {
    this.events.push({ name, atMs: this.clockMs, attributes });
  }

  log(level: Log['level'], body: string, attributes: Attributes = {}): void {
    const { traceId } = this.trace;
    this.trace.logs.push({
      service: this.service,
      atMs: this.clockMs,
      level,
      body,
      attributes,
      traceId,
      spanId: this.spanId,
    });
  }

  /** Begins a child now; `done` of it moves this span's clock on, unless it is left to itself. */
  begin(service: string, name: string, options: Options): Work {
    return new Work(this.trace, service, name, this.clockMs, options, this.spanId);
  }

  /** A call within this service, or to a store. */
  within(name: string, options: Options, work: (child: Work) => void): Work {
    const child = this.begin(this.service, name, options);
    work(child);
    child.end();
    this.waitUntil(child.nowMs);
    return child;
  }

  /** A request to another service: a client span here, a server span there, the network between. */
  call(service: string, method: string, path: string, work: (server: Work) => void): Work {
    const http = { 'http.request.method': method, 'server.address': service };
    const client = this.begin(this.service, method, { kind: 'client', attributes: http });
    client.spend(0.6);
    const server = client.begin(service, `${method} ${path}`, {
      kind: 'server',
      attributes: { 'http.request.method': method, 'http.route': path },
    });
    work(server);
    server.answer();
    client.waitUntil(server.nowMs);
    client.spend(0.5);
    client.set('http.response.status_code', server.failed ? 500 : 200);
    if (server.failed) client.fail(`${service} answered 500`);
    client.end();
    this.waitUntil(client.nowMs);
    return server;
  }

  /** Ends a server span with its status code. */
  answer(): void {
    this.set('http.response.status_code', this.failed ? 500 : 200);
    this.end();
  }

  end(): void {
    this.trace.spans.push({
      service: this.service,
      traceId: this.trace.traceId,
      spanId: this.spanId,
      parentSpanId: this.parentSpanId,
      name: this.name,
      kind: this.options.kind,
      startMs: this.startMs,
      endMs: this.clockMs,
      attributes: this.attributes,
      events: this.events,
      links: this.links,
      ...(this.error === undefined ? {} : { error: this.error }),
    });
  }
}
