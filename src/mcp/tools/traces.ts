import { z } from 'zod';
import { anyText, seriesText, tempoSeries } from '../series-text.js';
import { asks } from '../source.js';
import { AnswerText, duration, isoTime, labelText, oneLine } from '../text.js';
import { rangeInput, rangeOf, stepOf, wholeSeconds } from '../time.js';
import { tool } from '../tool.js';

const narrow = 'filter more, or lower `limit`';

/** A pipeline with one of these functions gives numbers. */
const metricsFunction = /\|\s*(?:\w+_over_time|rate|compare)\s*\(/;

interface FoundTrace {
  readonly traceID: string;
  readonly rootServiceName?: string;
  readonly rootTraceName?: string;
  readonly startTimeUnixNano?: string;
  readonly durationMs?: number;
  readonly spanSet?: { readonly matched?: number; readonly spans?: readonly FoundSpan[] };
  readonly serviceStats?: Readonly<
    Record<string, { readonly spanCount?: number; readonly errorCount?: number }>
  >;
}

interface FoundSpan {
  readonly name?: string;
  readonly durationNanos?: string;
  readonly attributes?: readonly { readonly key: string; readonly value: unknown }[];
}

export const traceql = tool({
  name: 'traceql',
  title: 'TraceQL',
  description:
    'Finds traces by TraceQL ({ resource.service.name = "x" && status = error && duration > 1s }), or gives numbers ({ status = error } | rate() by (resource.service.name)). `trace` shows one trace whole.',
  input: z.object({
    query: z.string().min(1).max(20_000),
    limit: z.number().int().min(1).max(200).optional().describe('Most traces. Default 20'),
    instant: z.boolean().optional().describe('Of a query for numbers: one number for the whole range'),
    ...rangeInput,
  }),
  async run(source, input, signal) {
    const range = rangeOf(input);
    const when = wholeSeconds(range);
    if (metricsFunction.test(input.query)) {
      const answer = input.instant
        ? await source.ask(asks.traceqlInstant, { q: input.query, ...when }, signal)
        : await source.ask(
            asks.traceqlRange,
            { q: input.query, ...when, step: `${stepOf(range)}s`, exemplars: 1 },
            signal,
          );
      return seriesText(tempoSeries(answer), 'group by less, or filter');
    }
    const limit = input.limit ?? 20;
    const answer = await source.ask(asks.traceqlSearch, { q: input.query, ...when, limit, spss: 3 }, signal);
    const { traces = [] } = answer as { traces?: readonly FoundTrace[] };
    if (traces.length === 0) return 'No trace matches in this range.';
    const out = new AnswerText();
    out.add(`${traces.length} traces${traces.length >= limit ? ', there may be more' : ''}`);
    for (const trace of traces) {
      const started = isoTime(Number(BigInt(trace.startTimeUnixNano ?? '0') / 1_000_000n));
      const stats = Object.entries(trace.serviceStats ?? {});
      const count = (of: 'spanCount' | 'errorCount') =>
        stats.reduce((sum, [, one]) => sum + (one[of] ?? 0), 0);
      const root = `${trace.rootServiceName ?? ''}: ${trace.rootTraceName ?? ''}`;
      const failed = count('errorCount') > 0 ? `, ${count('errorCount')} failed` : '';
      const size = `${count('spanCount')} spans of ${stats.length} services${failed}`;
      out.add(
        `${trace.traceID} ${started} ${duration(trace.durationMs ?? 0)} ${oneLine(root, 200)} (${size})`,
      );
      for (const { name, durationNanos, attributes = [] } of trace.spanSet?.spans ?? []) {
        const shown = attributes.map(({ key, value }) => [key, anyText(value)] as const);
        out.add(
          `    ${oneLine(name ?? '', 200)} ${duration(Number(durationNanos) / 1e6)} ${labelText(shown)}`,
        );
      }
    }
    return out.finish(narrow);
  },
});
