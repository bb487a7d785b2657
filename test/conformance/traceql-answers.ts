import type { Outcome } from './language.js';
import { milliseconds } from './times.js';

type Any = Readonly<Record<string, unknown>>;
interface Pair {
  readonly key: string;
  readonly value: Any;
}
interface Found {
  readonly traceID: string;
  readonly spanSets?: readonly {
    readonly spans?: readonly { readonly spanID: string; readonly attributes?: readonly Pair[] }[];
    readonly attributes?: readonly Pair[];
  }[];
}
interface Series {
  readonly labels?: readonly Pair[];
  readonly samples?: readonly { readonly timestampMs?: string; readonly value?: number }[];
  readonly exemplars?: readonly { readonly labels: readonly Pair[]; readonly value: number }[];
  readonly value?: number;
}

export function traceId(trace: string, origin: number): string {
  return (origin / 1000).toString(16).padStart(16, '0') + Number(trace).toString(16).padStart(16, '0');
}

const form = /^(search|shown|range|exemplars|inspected|instant|tags|values) from (\S+) to (\S+)(?: (.*))?$/;
const options = /^(limit|spss|step|scope|tag) (\S+)(?: |$)/;

/** How each kind of question is asked, and its answer in lines. */
const kinds: Readonly<
  Record<
    string,
    { readonly path: string; readonly lines: (answer: Any, steps: readonly number[]) => string[] }
  >
> = {
  search: { path: '/api/search', lines: ({ traces }) => (traces as Found[]).map(spans) },
  shown: { path: '/api/search', lines: ({ traces }) => (traces as Found[]).flatMap(shown) },
  range: {
    path: '/api/metrics/query_range',
    lines: ({ series }, steps) => (series as Series[]).map((one) => samples(one, steps)),
  },
  exemplars: {
    path: '/api/metrics/query_range',
    lines: ({ series }) => (series as Series[]).flatMap(({ exemplars = [] }) => exemplars.map(exemplar)),
  },
  inspected: {
    path: '/api/metrics/query_range',
    lines: ({ metrics }) => [(metrics as { inspectedSpans: string }).inspectedSpans],
  },
  instant: {
    path: '/api/metrics/query',
    lines: ({ series }) =>
      (series as Series[]).map((one) => `${labels(one.labels)} ${number(one.value ?? 0)}`),
  },
  tags: {
    path: '/api/v2/search/tags',
    lines: ({ scopes }) =>
      (scopes as { name: string; tags: string[] }[]).map(({ name, tags }) => `${name}: ${tags.join(' ')}`),
  },
  values: {
    path: '/api/v2/search/tag/TAG/values',
    lines: ({ tagValues }) =>
      (tagValues as { type: string; value: string }[]).map(({ type, value }) => `${type} ${value}`),
  },
};

export async function ask(url: string, args: string, origin: number): Promise<Outcome> {
  const [, name = '', from = '', to = '', behind = ''] = form.exec(args) ?? [];
  const kind = kinds[name];
  if (!kind) throw new Error(`${args} is no question`);
  const seconds = (text: string) => (origin + milliseconds(text)) / 1000;
  const params = new URLSearchParams({ start: String(seconds(from)), end: String(seconds(to)) });
  let query = behind;
  let tag = '';
  for (let match = options.exec(query); match; match = options.exec(query)) {
    const [all, option = '', value = ''] = match;
    if (option === 'tag') tag = value;
    else params.set(option, value);
    query = query.slice(all.length);
  }
  query = query.replaceAll(/\$(\d)/g, (_all, trace: string) => traceId(trace, origin));
  if (query !== '') params.set('q', query);
  const answer = await fetch(
    `${url}${kind.path.replace('TAG', encodeURIComponent(tag))}?${params.toString()}`,
  );
  const text = await answer.text();
  if (!answer.ok) return { status: answer.status, error: text, rows: [] };
  const step = name === 'range' ? milliseconds(params.get('step') ?? '') : 0;
  const steps = [];
  for (let at = seconds(from) * 1000; step > 0 && at <= seconds(to) * 1000; at += step) steps.push(at);
  return { status: answer.status, error: '', rows: kind.lines(JSON.parse(text) as Any, steps) };
}

function short(hex: string): number {
  return parseInt(hex.slice(-12), 16);
}

/** `<trace>: <span> <span> …`, with ` | ` between span sets. */
function spans({ traceID, spanSets = [] }: Found): string {
  const sets = spanSets.map(({ spans = [] }) =>
    spans
      .map(({ spanID }) => short(spanID))
      .sort((a, b) => a - b)
      .join(' '),
  );
  return `${short(traceID)}: ${sets.join(' | ')}`;
}

/** `<trace> <span> {attributes}` for each span, `<trace> {attributes}` for each span set that has some. */
function shown({ traceID, spanSets = [] }: Found): string[] {
  return spanSets.flatMap(({ spans = [], attributes = [] }) => [
    ...(attributes.length > 0 ? [`${short(traceID)} ${labels(attributes)}`] : []),
    ...spans.map((span) => `${short(traceID)} ${short(span.spanID)} ${labels(span.attributes)}`),
  ]);
}

function samples(series: Series, steps: readonly number[]): string {
  const at = new Map(series.samples?.map(({ timestampMs, value }) => [Number(timestampMs), value ?? 0]));
  const values = steps.map((step) => {
    const value = at.get(step);
    return value === undefined ? '_' : number(value);
  });
  return `${labels(series.labels)} ${values.join(' ')}`;
}

/** `<trace> {labels of its series} <value>` */
function exemplar({ labels: all, value }: NonNullable<Series['exemplars']>[number]): string {
  const trace = all.find(({ key }) => key === 'trace:id')?.value['stringValue'];
  return `${short(String(trace))} ${labels(all.filter(({ key }) => key !== 'trace:id'))} ${number(value)}`;
}

/** 9 digits. */
function number(value: number): string {
  return String(Number(value.toPrecision(9)));
}

function labels(pairs: readonly Pair[] = []): string {
  return `{${pairs
    .map(({ key, value }) => `${key}=${text(value)}`)
    .sort()
    .join(', ')}}`;
}

/** Strings in quotes, other values bare. */
function text(value: Any): string {
  const [type, one] = Object.entries(value)[0] ?? ['', null];
  if (type === 'stringValue') return JSON.stringify(one);
  if (type === 'arrayValue') return `[${(one as { values: Any[] }).values.map(text).join(' ')}]`;
  return String(one);
}
