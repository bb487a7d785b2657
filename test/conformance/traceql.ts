import type { Export, Language, Outcome } from './language.js';
import { attributes, nanos } from './otlp-json.js';
import { milliseconds } from './times.js';

/**
 * `<trace> <span> <parent or -> <start>+<duration> {resource attributes} "name" [kind] [ok|error] [{attributes}]`; trace and
 * span are small numbers, a trace id has the script's time 0 in front so that scripts never share one.
 */
const span =
  /^(\d+) (\d+) (\d+|-) (\S+?)\+(\S+) (\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}) "([^"]*)"(?: (internal|server|client|producer|consumer))?(?: (ok|error))?(?: (\{.*\}))?$/;
const kinds = ['internal', 'server', 'client', 'producer', 'consumer'];

function traceId(trace: string, origin: number): string {
  return (origin / 1000).toString(16).padStart(16, '0') + Number(trace).toString(16).padStart(16, '0');
}

function load(_args: string, lines: readonly string[], origin: number): Export[] {
  return lines.map((line) => {
    const match = span.exec(line);
    if (!match) throw new Error(`${line} is no span`);
    const [
      ,
      trace = '',
      id = '',
      parent,
      start = '',
      duration = '',
      resource = '',
      name = '',
      kind,
      status,
      own = '',
    ] = match;
    const begun = origin + milliseconds(start);
    const spanId = (text: string) => Number(text).toString(16).padStart(16, '0');
    const spans = [
      {
        traceId: traceId(trace, origin),
        spanId: spanId(id),
        ...(parent === undefined || parent === '-' ? {} : { parentSpanId: spanId(parent) }),
        name,
        kind: kind ? kinds.indexOf(kind) + 1 : 1,
        startTimeUnixNano: nanos(begun),
        endTimeUnixNano: nanos(begun + milliseconds(duration)),
        attributes: attributes(own),
        status: status ? { code: status === 'ok' ? 1 : 2 } : {},
      },
    ];
    return {
      path: '/v1/traces',
      resources: [{ resource: { attributes: attributes(resource) }, scopeSpans: [{ spans }] }],
    };
  });
}

const search = /^search from (\S+) to (\S+)(?: limit (\d+))?(?: spss (\d+))? (.+)$/;

async function ask(url: string, args: string, origin: number): Promise<Outcome> {
  const seconds = (text = '') => String((origin + milliseconds(text)) / 1000);
  const [, from, to, limit, spss, q = ''] = search.exec(args) ?? [];
  const params = new URLSearchParams({
    q,
    start: seconds(from),
    end: seconds(to),
    ...(limit ? { limit } : {}),
    ...(spss ? { spss } : {}),
  });
  const answer = await fetch(`${url}/api/search?${params.toString()}`);
  const text = await answer.text();
  if (!answer.ok) return { status: answer.status, error: text, rows: [] };
  const { traces } = JSON.parse(text) as { traces: Found[] };
  return { status: answer.status, error: '', rows: traces.map((trace) => row(trace)) };
}

interface Found {
  readonly traceID: string;
  readonly spanSets?: readonly { readonly spans?: readonly { readonly spanID: string }[] }[];
}

/** `<trace>: <span> <span> …`, with ` | ` between span sets. */
function row({ traceID, spanSets = [] }: Found): string {
  const number = (hex: string) => parseInt(hex, 16);
  const sets = spanSets.map(({ spans = [] }) =>
    spans
      .map(({ spanID }) => number(spanID))
      .sort((a, b) => a - b)
      .join(' '),
  );
  return `${number(traceID.slice(-16))}: ${sets.join(' | ')}`;
}

export const traceql: Language = {
  name: 'traceql',
  title: 'TraceQL',
  tables: ['spans'],
  load,
  ask,
  row: (line) => line,
  ordered: () => false,
};
