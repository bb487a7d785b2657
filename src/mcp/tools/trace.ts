import { z } from 'zod';
import { anyText } from '../series-text.js';
import { asks } from '../source.js';
import { AnswerText, duration, isoTime, oneLine } from '../text.js';
import { tool } from '../tool.js';

interface Attribute {
  readonly key: string;
  readonly value: unknown;
}

interface Span {
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly name?: string;
  readonly kind?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly Attribute[];
  readonly events?: readonly {
    readonly name?: string;
    readonly timeUnixNano?: string;
    readonly attributes?: readonly Attribute[];
  }[];
  readonly status?: { readonly code?: string; readonly message?: string };
}

interface TraceAnswer {
  readonly trace: {
    readonly resourceSpans?: readonly {
      readonly resource?: { readonly attributes?: readonly Attribute[] };
      readonly scopeSpans?: readonly { readonly spans?: readonly Span[] }[];
    }[];
  };
  readonly message?: string;
}

interface Node {
  readonly span: Span;
  readonly service: string;
  readonly children: Node[];
}

/** Spans that are shown when there are more: the roots' first. */
const mostSpans = 400;

export const trace = tool({
  name: 'trace',
  title: 'One trace',
  description:
    'A trace by its id as a tree: service, span, kind, when it began within the trace, how long it took, failures with their messages and exceptions.',
  input: z.object({
    trace_id: z
      .string()
      .regex(/^[0-9a-fA-F]{1,32}$/)
      .describe('Up to 32 hexadecimal digits'),
    attributes: z.boolean().optional().describe('Show the attributes of every span; default: of failed ones'),
  }),
  async run(source, { trace_id: id, attributes = false }, signal) {
    const answer = (await source.ask(asks.trace, {}, signal, id)) as TraceAnswer;
    const nodes = nodesOf(answer);
    if (nodes.length === 0) return `No trace ${id}.`;
    const start = nodes.reduce((least, { span }) => min(least, BigInt(span.startTimeUnixNano)), 2n ** 64n);
    const end = nodes.reduce((most, { span }) => max(most, BigInt(span.endTimeUnixNano)), 0n);
    const failed = nodes.filter(({ span }) => isFailed(span)).length;
    const services = new Set(nodes.map(({ service }) => service));
    const out = new AnswerText();
    out.add(
      `trace ${id}: ${nodes.length} spans of ${services.size} services (${[...services].join(', ')}), ` +
        `${duration(Number(end - start) / 1e6)}, began ${isoTime(Number(start / 1_000_000n))}, ${failed} failed`,
    );
    if (answer.message) out.add(`Note: ${answer.message}`);
    let shown = 0;
    // Not by recursion: a chain of spans may be as long as the trace.
    const stack = rootsOf(nodes)
      .reverse()
      .map((node) => ({ node, depth: 0 }));
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (shown++ >= mostSpans) break;
      for (const line of spanLines(next.node, next.depth, start, attributes)) out.add(line);
      const { depth } = next;
      for (const child of next.node.children.toReversed()) stack.push({ node: child, depth: depth + 1 });
    }
    if (nodes.length > mostSpans) out.add(`… ${nodes.length - mostSpans} more spans`);
    return out.finish('ask without `attributes`, or find single spans by `traceql`');
  },
});

function nodesOf({ trace: found }: TraceAnswer): Node[] {
  return (found.resourceSpans ?? []).flatMap(({ resource, scopeSpans = [] }) => {
    const name = resource?.attributes?.find(({ key }) => key === 'service.name');
    const service = name ? anyText(name.value) : 'unknown_service';
    return scopeSpans.flatMap(({ spans = [] }) =>
      spans.map((span): Node => ({ span, service, children: [] })),
    );
  });
}

/** Spans without a parent in the trace; children hang below theirs. Circles, which no sender should make, are cut. */
function rootsOf(nodes: readonly Node[]): Node[] {
  const sorted = nodes.toSorted((a, b) => compare(a.span.startTimeUnixNano, b.span.startTimeUnixNano));
  const byId = new Map<string, Node>();
  // Client and server may share an id (Zipkin): the client's is the parent then.
  for (const node of sorted) if (!byId.has(node.span.spanId ?? '')) byId.set(node.span.spanId ?? '', node);
  const roots: Node[] = [];
  const parents = new Map<Node, Node>();
  for (const node of sorted) {
    const parent = byId.get(node.span.parentSpanId ?? '');
    if (!parent || parent === node || isAbove(node, parent, parents)) roots.push(node);
    else {
      parents.set(node, parent);
      parent.children.push(node);
    }
  }
  return roots;
}

function isAbove(node: Node, below: Node, parents: ReadonlyMap<Node, Node>): boolean {
  for (let at: Node | undefined = below; at; at = parents.get(at)) if (at === node) return true;
  return false;
}

function spanLines(
  { span, service }: Node,
  depth: number,
  traceStart: bigint,
  attributes: boolean,
): string[] {
  const start = BigInt(span.startTimeUnixNano);
  const took = Number(BigInt(span.endTimeUnixNano) - start) / 1e6;
  const failed = isFailed(span);
  const indent = '  '.repeat(Math.min(depth, 40));
  const kind = (span.kind ?? '').replace('SPAN_KIND_', '').toLowerCase();
  const message = failed
    ? ` FAILED${span.status?.message ? `: ${oneLine(span.status.message, 300)}` : ''}`
    : '';
  const shownKind = kind === '' || kind === 'internal' ? '' : ` (${kind})`;
  const at = `+${duration(Number(start - traceStart) / 1e6)}`;
  const lines = [
    `${indent}${service}: ${oneLine(span.name ?? '', 200)}${shownKind} ${at} took ${duration(took)}${message}`,
  ];
  if (attributes || failed) {
    for (const { key, value } of span.attributes ?? []) {
      lines.push(`${indent}    ${key}=${oneLine(anyText(value), 300)}`);
    }
    for (const { name = '', attributes: own = [] } of span.events ?? []) {
      const shown = own.map(({ key, value }) => `${key}=${oneLine(anyText(value), 500)}`).join(' ');
      lines.push(`${indent}    event ${oneLine(name, 100)} ${shown}`);
    }
  }
  return lines;
}

function isFailed(span: Span): boolean {
  return span.status?.code === 'STATUS_CODE_ERROR';
}

function compare(a: string, b: string): number {
  const difference = BigInt(a) - BigInt(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
