import type { AttributeMap } from '../../attributes/typed-json.js';
import { nowhere, type Source } from './source.js';
import type { Span } from './span.js';
import { eachOf, fromJson, nil, text, type Value } from './value.js';

/** What an expression gives as far as the text tells; attributes may be anything. */
export type Kind = 'any' | 'nil' | 'number' | 'string' | 'bool' | 'status' | 'kind' | 'parent';

/** All that is to be known of an intrinsic field. */
interface Intrinsic {
  readonly gives: Kind;
  /** How queries may write it; the first spelling of those without a colon is a word, which answers use as well. */
  readonly spellings: readonly string[];
  /** The spellings that the lists of tags leave out. */
  readonly unlisted?: readonly string[];
  /** Where SQL finds it. */
  readonly source: Source;
  /** The same, of a span that was loaded. */
  readonly read: (span: Span) => Value;
  /** Hexadecimal digits of an id. */
  readonly digits?: number;
  /** A missing one compares as empty text, and equals nil as well. */
  readonly emptyWhenMissing?: true;
  /** Only the whole trace tells it. */
  readonly ofTrace?: true;
  /** The root span's column that it is. */
  readonly rootColumn?: string;
  /** Answers of searches have a place for it beside the attributes. */
  readonly ownPlace?: true;
}

function intrinsic(
  gives: Kind,
  spellings: readonly string[],
  source: Source,
  read: Intrinsic['read'],
  more: Partial<Intrinsic> = {},
): Intrinsic {
  return { gives, spellings, source, read, ...more };
}

const optional = (column: string): Source => ({ kind: 'optional', column });
const listed = (list: string, text: string): Source => ({
  kind: 'each',
  list: `json_extract(${text}, '$[*].${list}')`,
  text,
});
const integer = (value: bigint | number): Value => ({ type: 'int', value: BigInt(value) });
const nanoseconds = (value: bigint): Value => ({ type: 'duration', value });
const [ofTrace, emptyWhenMissing, ownPlace] = [true, true, true] as const;
const [trace, span] = [{ digits: 32 }, { digits: 16 }] as const;

const table = {
  duration: intrinsic(
    'number',
    ['duration', 'span:duration'],
    { kind: 'number', column: 'duration_nano' },
    ({ row }) => nanoseconds(row.duration),
    { ownPlace },
  ),
  name: intrinsic(
    'string',
    ['name', 'span:name'],
    { kind: 'text', column: 'span_name' },
    ({ row }) => text(row.name),
    { ownPlace },
  ),
  status: intrinsic(
    'status',
    ['status', 'span:status'],
    { kind: 'enum', column: 'status_code', type: 'status' },
    ({ row }) => ({ type: 'status', value: row.status }),
  ),
  statusMessage: intrinsic(
    'string',
    ['statusMessage', 'span:statusMessage'],
    { kind: 'text', column: 'status_message' },
    ({ row }) => text(row.statusMessage),
  ),
  kind: intrinsic(
    'kind',
    ['kind', 'span:kind'],
    { kind: 'enum', column: 'span_kind', type: 'kind' },
    ({ row }) => ({ type: 'kind', value: row.kind }),
  ),
  parent: intrinsic('parent', ['parent'], optional('parent_span_id'), parentId, { unlisted: ['parent'] }),
  childCount: intrinsic(
    'number',
    ['childCount', 'span:childCount'],
    nowhere,
    (span) => (span.trace ? integer(span.trace.childrenOf(span).length) : nil),
    { ofTrace, unlisted: ['childCount', 'span:childCount'] },
  ),
  traceDuration: intrinsic(
    'number',
    ['traceDuration', 'trace:duration'],
    nowhere,
    ({ trace }) => (trace ? nanoseconds(trace.end - trace.start) : nil),
    { ofTrace, ownPlace },
  ),
  rootName: intrinsic(
    'string',
    ['rootName', 'trace:rootName'],
    nowhere,
    ({ trace }) => (trace ? text(trace.root?.row.name ?? '') : nil),
    { ofTrace, ownPlace, emptyWhenMissing, rootColumn: 'span_name' },
  ),
  rootServiceName: intrinsic(
    'string',
    ['rootServiceName', 'trace:rootService'],
    nowhere,
    ({ trace }) => (trace ? text(trace.root?.row.serviceName ?? '') : nil),
    { ofTrace, ownPlace, emptyWhenMissing, rootColumn: 'service_name' },
  ),
  nestedSetLeft: nestedSet('nestedSetLeft', 'left'),
  nestedSetRight: nestedSet('nestedSetRight', 'right'),
  nestedSetParent: nestedSet('nestedSetParent', 'parent'),
  'trace:id': intrinsic('string', ['trace:id'], optional('trace_id'), ({ row }) => text(row.traceId), {
    ...trace,
    ownPlace,
  }),
  'span:id': intrinsic('string', ['span:id'], optional('span_id'), ({ row }) => text(row.spanId), {
    ...span,
    ownPlace,
  }),
  'span:parentID': intrinsic('string', ['span:parentID'], optional('parent_span_id'), parentId, span),
  'event:name': intrinsic('string', ['event:name'], listed('name', 'events_json'), ({ events }) =>
    eachOf(events.map((event) => fromJson(event.get('name')))),
  ),
  'event:timeSinceStart': intrinsic('number', ['event:timeSinceStart'], nowhere, ({ events, row }) =>
    eachOf(events.map((event) => sinceStart(event, row.start))),
  ),
  'link:traceID': intrinsic(
    'string',
    ['link:traceID'],
    listed('trace_id', 'links_json'),
    ({ links }) => eachOf(links.map((link) => fromJson(link.get('trace_id')))),
    trace,
  ),
  'link:spanID': intrinsic(
    'string',
    ['link:spanID'],
    listed('span_id', 'links_json'),
    ({ links }) => eachOf(links.map((link) => fromJson(link.get('span_id')))),
    span,
  ),
  'instrumentation:name': intrinsic(
    'string',
    ['instrumentation:name'],
    { kind: 'text', column: 'scope_name', nullable: true },
    ({ row }) => text(row.scopeName ?? ''),
    { emptyWhenMissing },
  ),
  'instrumentation:version': intrinsic(
    'string',
    ['instrumentation:version'],
    { kind: 'text', column: 'scope_version', nullable: true },
    ({ row }) => text(row.scopeVersion ?? ''),
    { emptyWhenMissing },
  ),
} as const satisfies Record<string, Intrinsic>;

/** Intrinsic fields by the name that answers use for them. */
export type IntrinsicName = keyof typeof table;

export const intrinsics: Readonly<Record<IntrinsicName, Intrinsic>> = table;

const bySpelling = new Map(
  (Object.keys(table) as IntrinsicName[]).flatMap((name) =>
    intrinsics[name].spellings.map((spelling) => [spelling, name] as const),
  ),
);

/** The field that a query means by a word or by `scope:name`. */
export function intrinsicNamed(spelling: string): IntrinsicName | undefined {
  return bySpelling.get(spelling);
}

/** The spellings that an editor is told, in order. */
export const listedIntrinsics: readonly string[] = [...bySpelling]
  .filter(([spelling, name]) => intrinsics[name].unlisted?.includes(spelling) !== true)
  .map(([spelling]) => spelling)
  .sort();

function parentId({ row }: Span): Value {
  return row.parentSpanId === null ? nil : text(row.parentSpanId);
}

function nestedSet(name: string, side: 'left' | 'right' | 'parent'): Intrinsic {
  const read = (span: Span) => (span.trace ? integer(span.trace.nestedSet(span)[side]) : nil);
  return intrinsic('number', [name], nowhere, read, { ofTrace, unlisted: [name] });
}

function sinceStart(event: AttributeMap, start: bigint): Value {
  const time = event.get('time_unix_nano');
  if (typeof time !== 'string' && typeof time !== 'bigint') return nil;
  return nanoseconds(BigInt(time) - start);
}
