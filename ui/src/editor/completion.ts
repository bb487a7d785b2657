import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import { getJson } from '../api/client';

const logqlWords = [
  ...['json', 'logfmt', 'regexp', 'pattern', 'unpack', 'decolorize', 'line_format', 'label_format', 'unwrap'],
  ...[
    'drop',
    'keep',
    'rate',
    'count_over_time',
    'bytes_rate',
    'bytes_over_time',
    'sum_over_time',
    'avg_over_time',
  ],
  ...[
    'quantile_over_time',
    'max_over_time',
    'min_over_time',
    'sum by',
    'topk',
    'bottomk',
    'avg by',
    'count by',
  ],
];

const traceqlWords = [
  ...['duration', 'name', 'status', 'kind', 'statusMessage', 'rootName', 'rootServiceName', 'traceDuration'],
  ...[
    'resource.',
    'span.',
    'event.',
    'link.',
    'error',
    'ok',
    'unset',
    'server',
    'client',
    'producer',
    'consumer',
  ],
  ...['internal', 'count()', 'avg(', 'max(', 'min(', 'sum(', 'by(', 'select(', 'rate()', 'count_over_time()'],
  ...['quantile_over_time(', 'histogram_over_time('],
];

/** Answers of the last minute, so that typing does not ask for each letter. */
const known = new Map<string, { readonly untilMs: number; readonly names: Promise<string[]> }>();

function remembered(path: string, read: (body: unknown) => string[]): Promise<string[]> {
  const found = known.get(path);
  if (found && found.untilMs > Date.now()) return found.names;
  const names = getJson<unknown>(path).then(read, () => []);
  known.set(path, { untilMs: Date.now() + 60_000, names });
  return names;
}

const lokiData = (body: unknown) => (body as { data?: string[] }).data ?? [];

function options(names: readonly string[], type: string, apply?: (name: string) => string): Completion[] {
  return names.slice(0, 1000).map((label) => ({ label, type, ...(apply ? { apply: apply(label) } : {}) }));
}

export async function completeLogql(context: CompletionContext): Promise<CompletionResult | null> {
  const before = context.state.sliceDoc(0, context.pos);
  const value = /([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*"([^"]*)$/.exec(before);
  if (value) {
    const names = await remembered(
      `/loki/api/v1/label/${encodeURIComponent(value[1] ?? '')}/values`,
      lokiData,
    );
    return { from: context.pos - (value[2]?.length ?? 0), options: options(names, 'text') };
  }
  if (/\{[^}]*$/.test(before) && /[{,]\s*\w*$/.test(before)) {
    const word = context.matchBefore(/\w*/);
    const names = await remembered('/loki/api/v1/labels', lokiData);
    return { from: word?.from ?? context.pos, options: options(names, 'property', (name) => `${name}="`) };
  }
  const word = context.matchBefore(/\w+/);
  if (!word && !context.explicit) return null;
  return { from: word?.from ?? context.pos, options: options(logqlWords, 'keyword') };
}

interface TagScopes {
  readonly scopes?: readonly { readonly name: string; readonly tags?: readonly string[] }[];
}

interface TagValues {
  readonly tagValues?: readonly { readonly type: string; readonly value: string }[];
}

export async function completeTraceql(context: CompletionContext): Promise<CompletionResult | null> {
  const before = context.state.sliceDoc(0, context.pos);
  const value = /([\w.:-]+)\s*(?:=~|!~|!=|=)\s*("?)([^"\s}]*)$/.exec(before);
  if (value) {
    const path = `/api/v2/search/tag/${encodeURIComponent(value[1] ?? '')}/values`;
    const quoted = value[2] === '"';
    const names = await remembered(path, (body) =>
      ((body as TagValues).tagValues ?? []).map(({ type, value: text }) =>
        type === 'string' && !quoted ? JSON.stringify(text) : text,
      ),
    );
    return { from: context.pos - (value[3]?.length ?? 0), options: options(names, 'text') };
  }
  const word = context.matchBefore(/[\w.]+/);
  if (!word && !context.explicit) return null;
  const attributes = await remembered('/api/v2/search/tags', (body) =>
    ((body as TagScopes).scopes ?? []).flatMap(({ name, tags = [] }) =>
      name === 'intrinsic' ? [] : tags.map((tag) => `${name}.${tag}`),
    ),
  );
  return {
    from: word?.from ?? context.pos,
    options: [...options(traceqlWords, 'keyword'), ...options(attributes, 'property')],
  };
}
