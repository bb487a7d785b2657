import { z } from 'zod';
import { prometheusText, type PrometheusAnswer } from '../series-text.js';
import { asks } from '../source.js';
import { AnswerText, labelText, oneLine } from '../text.js';
import { rangeInput, rangeOf, seconds, stepOf } from '../time.js';
import { tool } from '../tool.js';

const limit = z.number().int().min(1).max(500).optional().describe('Most lines, newest first. Default 50');
const attributes = z
  .boolean()
  .optional()
  .describe('Show all labels of each line; default: service, level, trace id');

interface Line {
  readonly nanoseconds: bigint;
  readonly labels: ReadonlyMap<string, string>;
  readonly text: string;
}

interface Shown {
  readonly attributes: boolean;
  readonly limit: number;
}

const narrow = 'shorten the range, filter more, or lower `limit`';

function logText(answer: unknown, shown: Shown): string {
  const { data } = answer as PrometheusAnswer;
  if (data.resultType !== 'streams') return prometheusText(answer as PrometheusAnswer, narrow);
  const streams = data.result as readonly {
    readonly stream: Readonly<Record<string, string>>;
    readonly values: readonly (readonly [string, string])[];
  }[];
  const lines = streams
    .flatMap(({ stream, values }) =>
      values.map(([time, text]): Line => ({
        nanoseconds: BigInt(time),
        labels: new Map(Object.entries(stream)),
        text,
      })),
    )
    .sort((a, b) => (a.nanoseconds < b.nanoseconds ? 1 : a.nanoseconds > b.nanoseconds ? -1 : 0));
  if (lines.length === 0) return 'No log lines match in this range.';
  const out = new AnswerText();
  const more = lines.length >= shown.limit ? ', there may be more' : '';
  out.add(`${lines.length} lines, newest first${more}`);
  for (const { nanoseconds, labels, text } of lines) {
    const time = new Date(Number(nanoseconds / 1_000_000n)).toISOString();
    const level = labels.get('detected_level') ?? labels.get('level') ?? '';
    const trace = labels.get('trace_id');
    const head = [time, level, labels.get('service_name') ?? '', trace ? `trace=${trace}` : ''];
    out.add(`${head.filter((part) => part !== '').join(' ')} | ${oneLine(text, 600)}`);
    if (shown.attributes) out.add(`    ${labelText([...labels])}`);
  }
  return out.finish(narrow);
}

/** Log lines by service, level, words and trace: the LogQL that most questions need. */
export const searchLogs = tool({
  name: 'search_logs',
  title: 'Search logs',
  description:
    'Log lines, newest first, by service, level, text and trace id. For anything else use `logql`.',
  input: z.object({
    service: z.string().max(300).optional().describe('service.name, exactly'),
    level: z
      .enum(['trace', 'debug', 'info', 'warn', 'error'])
      .optional()
      .describe('This level or a more severe one'),
    contains: z.string().max(2000).optional().describe('Text within the line, as it is'),
    matches: z.string().max(2000).optional().describe('RE2 regular expression, found anywhere in the line'),
    trace_id: z
      .string()
      .regex(/^[0-9a-fA-F]{1,32}$/)
      .optional()
      .describe('Lines of this trace'),
    limit,
    attributes,
    ...rangeInput,
  }),
  async run(source, input, signal) {
    const query = [
      input.service === undefined
        ? '{service_name=~".+"}'
        : `{service_name=${JSON.stringify(input.service)}}`,
      input.contains === undefined ? '' : `|= ${JSON.stringify(input.contains)}`,
      input.matches === undefined ? '' : `|~ ${JSON.stringify(input.matches)}`,
      input.level === undefined ? '' : `| detected_level=~${JSON.stringify(levelsFrom(input.level))}`,
      input.trace_id === undefined ? '' : `| trace_id=${JSON.stringify(paddedId(input.trace_id))}`,
    ];
    const most = input.limit ?? 50;
    const answer = await source.ask(
      asks.logqlRange,
      {
        query: query.filter((part) => part !== '').join(' '),
        ...seconds(rangeOf(input)),
        ...{ limit: most, direction: 'backward' },
      },
      signal,
    );
    return logText(answer, { attributes: input.attributes ?? false, limit: most });
  },
});

function paddedId(id: string): string {
  return id.toLowerCase().padStart(32, '0');
}

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'critical', 'fatal'];

function levelsFrom(level: string): string {
  return levels.slice(levels.indexOf(level)).join('|');
}

export const logql = tool({
  name: 'logql',
  title: 'LogQL',
  description:
    'Runs any LogQL query: log lines ({service_name="x"} |= "text" | json | field="v") or numbers (sum by (level) (count_over_time({service_name="x"}[5m]))). Numbers come at about 60 steps of the range, or at its end with `instant`.',
  input: z.object({
    query: z.string().min(1).max(20_000),
    instant: z.boolean().optional().describe('Numbers at the end of the range alone'),
    limit,
    attributes,
    ...rangeInput,
  }),
  async run(source, input, signal) {
    const range = rangeOf(input);
    const most = input.limit ?? 50;
    const { start, end } = seconds(range);
    const shared = { query: input.query, limit: most };
    const answer = input.instant
      ? await source.ask(asks.logql, { ...shared, time: end }, signal)
      : await source.ask(
          asks.logqlRange,
          { ...shared, start, end, step: stepOf(range), direction: 'backward' },
          signal,
        );
    return logText(answer, { attributes: input.attributes ?? false, limit: most });
  },
});
