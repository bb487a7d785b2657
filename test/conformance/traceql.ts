import type { Export, Language } from './language.js';
import { attributes, nanos } from './otlp-json.js';
import { milliseconds } from './times.js';
import { ask, traceId } from './traceql-answers.js';

const head = /^(\d+) (\d+) (\d+|-) (\S+?)\+(\S+) (\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}) "([^"]*)"(.*)$/;
const words = /\s*(?:(\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\})|"((?:[^"\\]|\\.)*)"|([^\s"{}]+))/gy;
const kinds = ['internal', 'server', 'client', 'producer', 'consumer'];

/**
 * `<trace> <span> <parent or -> <start>+<duration> {resource attributes} "name"` and what may follow: a kind, `ok` or
 * `error "message"`, `{attributes}`, `scope NAME VERSION {attributes}`, `event "name" OFFSET {attributes}`,
 * `link TRACE SPAN {attributes}`. Trace and span are small numbers; a trace id has the script's time 0 in front, so that
 * scripts never share one.
 */
function load(_args: string, lines: readonly string[], origin: number): Export[] {
  return lines.map((line) => {
    const [, trace = '', id = '', parent = '-', start = '', duration = '', resource = '', name = '', tail] =
      head.exec(line) ?? [];
    if (tail === undefined) throw new Error(`${line} is no span`);
    const begun = origin + milliseconds(start);
    const { scope, ...rest } = parts(tail, origin, begun);
    const span = {
      traceId: traceId(trace, origin),
      spanId: spanId(id),
      ...(parent === '-' ? {} : { parentSpanId: spanId(parent) }),
      name,
      startTimeUnixNano: nanos(begun),
      endTimeUnixNano: nanos(begun + milliseconds(duration)),
      ...rest,
    };
    return {
      path: '/v1/traces',
      resources: [{ resource: { attributes: attributes(resource) }, scopeSpans: [{ scope, spans: [span] }] }],
    };
  });
}

function spanId(text: string): string {
  return Number(text).toString(16).padStart(16, '0');
}

function parts(tail: string, origin: number, begun: number) {
  const tokens = [...tail.matchAll(words)].map(([, braces, quoted, word]) => ({ braces, quoted, word }));
  if (tail.trim() !== '' && tokens.length === 0) throw new Error(`${tail} can't be read`);
  const [events, links]: [object[], object[]] = [[], []];
  const found = { kind: 0, status: {}, attributes: [] as object[], scope: {}, events, links };
  const word = () => {
    const token = tokens.shift();
    return token?.word ?? token?.quoted ?? '';
  };
  const braces = () => attributes((tokens[0]?.braces && tokens.shift()?.braces) ?? '');
  while (tokens.length > 0) {
    if (tokens[0]?.braces !== undefined) {
      found.attributes = braces();
      continue;
    }
    const keyword = word();
    if (kinds.includes(keyword)) found.kind = kinds.indexOf(keyword) + 1;
    else if (keyword === 'ok') found.status = { code: 1 };
    else if (keyword === 'error')
      found.status = { code: 2, ...(tokens[0]?.quoted === undefined ? {} : { message: word() }) };
    else if (keyword === 'scope') found.scope = { name: word(), version: word(), attributes: braces() };
    else if (keyword === 'event') {
      const [name, offset] = [word(), word()];
      events.push({ name, timeUnixNano: nanos(begun + milliseconds(offset)), attributes: braces() });
    } else if (keyword === 'link') {
      const [trace, span] = [word(), word()];
      links.push({ traceId: traceId(trace, origin), spanId: spanId(span), attributes: braces() });
    } else throw new Error(`${keyword} is no part of a span`);
  }
  return found;
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
