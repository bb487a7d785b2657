import { z } from 'zod';
import { prometheusText, type PrometheusAnswer } from '../series-text.js';
import { asks } from '../source.js';
import { AnswerText, oneLine } from '../text.js';
import { lasting, rangeInput, rangeOf, seconds, stepOf } from '../time.js';
import { tool } from '../tool.js';

export const promql = tool({
  name: 'promql',
  title: 'PromQL',
  description:
    'Runs a PromQL query over the range, at about 60 steps, or at its end with `instant`. `metrics` tells names and labels. Spans are metrics as well: traces_spanmetrics_calls_total, traces_spanmetrics_latency_bucket, traces_service_graph_request_total, where the server has them switched on.',
  input: z.object({
    query: z.string().min(1).max(20_000),
    instant: z.boolean().optional().describe('The value at the end of the range alone'),
    step: z.string().max(20).optional().describe('Distance of the points, e.g. 30s, 5m'),
    ...rangeInput,
  }),
  async run(source, input, signal) {
    const range = rangeOf(input);
    const { start, end } = seconds(range);
    const { query } = input;
    const step = input.step === undefined ? stepOf(range) : lasting('step', input.step) / 1000;
    const answer = input.instant
      ? await source.ask(asks.promql, { query, time: end }, signal)
      : await source.ask(asks.promqlRange, { query, start, end, step }, signal);
    return prometheusText(answer as PrometheusAnswer, 'aggregate (sum by …, topk) or filter by labels');
  },
});

const mostNames = 500;
const mostValues = 10;

interface MetricMetadata {
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

/** Names of metrics, and of one metric its labels. */
export const metrics = tool({
  name: 'metrics',
  title: 'Metrics',
  description:
    'Lists metric names that hold a text; of one metric (`name`) its type, help, labels and some of their values.',
  input: z.object({
    contains: z.string().max(300).optional().describe('Only names with this text'),
    name: z.string().max(300).optional().describe('One metric, exactly: tells its labels'),
    ...rangeInput,
  }),
  async run(source, input, signal) {
    const when = seconds(rangeOf(input));
    const out = new AnswerText();
    if (input.name !== undefined) {
      const match = `{__name__=${JSON.stringify(input.name)}}`;
      const params = { 'match[]': match, ...when, limit: 5000 };
      const { data: series } = (await source.ask(asks.promqlSeries, params, signal)) as {
        data: readonly Readonly<Record<string, string>>[];
      };
      if (series.length === 0) return `No metric ${JSON.stringify(input.name)} in this range.`;
      const told = (await source.ask(
        asks.promqlMetadata,
        { metric: input.name.replace(/_(bucket|sum|count)$/, ''), ...when },
        signal,
      )) as { data: Readonly<Record<string, readonly MetricMetadata[]>> };
      for (const { type, help, unit } of Object.values(told.data).flat()) {
        out.add([type, unit, oneLine(help, 500)].filter((part) => part !== '').join(' | '));
      }
      out.add(`${series.length} series${series.length >= 5000 ? ' or more' : ''}; labels:`);
      const values = new Map<string, Set<string>>();
      for (const labels of series) {
        for (const [name, value] of Object.entries(labels)) {
          if (name === '__name__') continue;
          values.set(name, (values.get(name) ?? new Set()).add(value));
        }
      }
      for (const [name, all] of [...values].sort(([a], [b]) => (a < b ? -1 : 1))) {
        const some = [...all].slice(0, mostValues).map((value) => oneLine(value, 80));
        const more = all.size > some.length ? `, … (${all.size} values)` : '';
        out.add(`  ${name}: ${some.join(', ')}${more}`);
      }
      return out.finish('ask for a shorter range');
    }
    const { data } = (await source.ask(asks.promqlNames, when, signal)) as { data: readonly string[] };
    const wanted = data.filter((name) => name.includes(input.contains ?? ''));
    if (wanted.length === 0) return 'No metric of that name in this range.';
    const shown = wanted.slice(0, mostNames);
    out.add(`${wanted.length} names${wanted.length > shown.length ? `, the first ${shown.length}` : ''}`);
    for (const name of shown) out.add(name);
    return out.finish('use `contains`');
  },
});
