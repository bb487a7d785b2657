import type { Export, Language, Outcome } from './language.js';
import { attributes, nanos } from './otlp-json.js';
import { milliseconds } from './times.js';

/** `<time> {resource attributes} [{attributes of the record}] [SEVERITY] the line`. */
const record =
  /^(\S+) (\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\})(?: (\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}))?(?: (TRACE|DEBUG|INFO|WARN|ERROR|FATAL))?(?: (.*))?$/;
const severities = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

function load(_args: string, lines: readonly string[], origin: number): Export[] {
  return lines.map((line) => {
    const match = record.exec(line);
    if (!match) throw new Error(`${line} is no record`);
    const [, time = '', resource = '', own = '', severity, body = ''] = match;
    const level = severity
      ? { severityNumber: severities.indexOf(severity) * 4 + 1, severityText: severity }
      : {};
    const logRecords = [
      {
        timeUnixNano: nanos(origin + milliseconds(time)),
        ...level,
        body: { stringValue: body },
        attributes: attributes(own),
      },
    ];
    return {
      path: '/v1/logs',
      resources: [{ resource: { attributes: attributes(resource) }, scopeLogs: [{ logRecords }] }],
    };
  });
}

const instant = /^instant at (\S+) (.+)$/;
const range = /^(?:(backward) )?range from (\S+) to (\S+)(?: step (\S+))?(?: limit (\d+))? (.+)$/;

async function ask(url: string, args: string, origin: number): Promise<Outcome> {
  const time = (text = '') => nanos(origin + milliseconds(text));
  const at = instant.exec(args);
  const over = range.exec(args);
  const params = new URLSearchParams(
    at
      ? { query: at[2] ?? '', time: time(at[1]) }
      : {
          query: over?.[6] ?? '',
          start: time(over?.[2]),
          end: time(over?.[3]),
          direction: over?.[1] ?? 'forward',
          ...(over?.[4] ? { step: over[4] } : {}),
          ...(over?.[5] ? { limit: over[5] } : {}),
        },
  );
  const answer = await fetch(`${url}/loki/api/v1/${at ? 'query' : 'query_range'}?${params.toString()}`);
  const text = await answer.text();
  if (!answer.ok) return { status: answer.status, error: text, rows: [] };
  const { data } = JSON.parse(text) as { data: { resultType: string; result: unknown } };
  const found = rows(data, origin);
  if (data.resultType !== 'streams') return { status: answer.status, error: '', rows: found };
  // Streams come in the order of their labels; a script has lines in the order of time.
  const [forward, seconds] = [over?.[1] !== 'backward', (row: string) => parseFloat(row)];
  found.sort((a, b) => (forward ? seconds(a) - seconds(b) : seconds(b) - seconds(a)));
  return { status: answer.status, error: '', rows: found };
}

interface Found {
  readonly stream?: Readonly<Record<string, string>>;
  readonly metric?: Readonly<Record<string, string>>;
  readonly values?: readonly [number | string, string][];
  readonly value?: [number, string];
}

/** Streams: a row a line, `<seconds> {labels} line`; metrics: a row a series, `{labels} <seconds>=<value> …`. */
function rows({ resultType, result }: { resultType: string; result: unknown }, origin: number): string[] {
  if (resultType === 'scalar') return [(result as [number, string])[1]];
  return (result as Found[]).flatMap((one) => {
    const labels = labelText(Object.entries(one.stream ?? one.metric ?? {}));
    if (one.stream)
      return (one.values ?? []).map(([time, line]) =>
        // Scripts have no blanks at the end of a line.
        `${Number(BigInt(time) / 1_000_000n - BigInt(origin)) / 1000} ${labels} ${line}`.trimEnd(),
      );
    if (one.value) return [`${labels} ${digits(one.value[1])}`];
    const points = (one.values ?? []).map(
      ([time, value]) => `${Number(time) - origin / 1000}=${digits(value)}`,
    );
    return [`${labels} ${points.join(' ')}`];
  });
}

/** Long fractions to 9 digits, as the last bits of a sum depend on where the lines lie. */
function digits(text: string): string {
  return text.replace(/-?\d+\.\d{9,}(e[-+]?\d+)?/g, (number) =>
    String(Number(Number(number).toPrecision(9))),
  );
}

function labelText(labels: readonly (readonly [string, string])[]): string {
  const sorted = [...labels].sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}}`;
}

export const logql: Language = {
  name: 'logql',
  title: 'LogQL',
  tables: ['logs'],
  load,
  ask,
  row: digits,
  ordered: (args) => /^(backward )?range/.test(args) && !args.includes(' step '),
};
