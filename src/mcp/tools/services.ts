import { z } from 'zod';
import { tempoSeries } from '../series-text.js';
import { asks } from '../source.js';
import { AnswerText, duration } from '../text.js';
import { rangeInput, rangeOf, wholeSeconds } from '../time.js';
import { tool } from '../tool.js';

interface Health {
  spans: number;
  failed: number;
  p50: number;
  p95: number;
  p99: number;
  lines: number;
  errorLines: number;
}

const errorLevels = new Set(['error', 'critical', 'fatal']);
const mostServices = 200;

/** Which services sent spans or log lines, how many of them failed, and how long the spans took. */
export const services = tool({
  name: 'services',
  title: 'Services and their health',
  description:
    'Start here. Lists every service that sent spans or logs in the range: spans, failed spans, latency of server and consumer spans (p50, p95, p99), log lines, error log lines; those with most failures first.',
  input: z.object({ ...rangeInput }),
  async run(source, input, signal) {
    const range = rangeOf(input);
    const when = wholeSeconds(range);
    const traceql = async (q: string) =>
      tempoSeries(await source.ask(asks.traceqlInstant, { q, ...when }, signal));
    const by = 'by (resource.service.name)';
    const serving = '{ kind = server || kind = consumer }';
    const window = `${Math.max(1, when.end - when.start)}s`;
    const found = new Map<string, Health>();
    const health = (labels: readonly (readonly [string, string])[], name: string): Health => {
      const service = new Map(labels).get(name) ?? '';
      const known = found.get(service) ?? {
        ...{ spans: 0, failed: 0, p50: NaN, p95: NaN, p99: NaN },
        ...{ lines: 0, errorLines: 0 },
      };
      found.set(service, known);
      return known;
    };
    const tag = 'resource.service.name';
    const value = (samples: readonly (readonly [number, number])[]) => samples[0]?.[1] ?? 0;
    for (const { labels, samples } of await traceql(`{ } | count_over_time() ${by}`)) {
      if (labels.length > 0) health(labels, tag).spans += value(samples);
    }
    for (const { labels, samples } of await traceql(`{ status = error } | count_over_time() ${by}`)) {
      if (labels.length > 0) health(labels, tag).failed += value(samples);
    }
    const quantiles = `${serving} | quantile_over_time(duration, 0.5, 0.95, 0.99) ${by}`;
    for (const { labels, samples } of await traceql(quantiles)) {
      const p = new Map(labels).get('p');
      const own = health(labels, tag);
      if (p === '0.5') own.p50 = value(samples);
      if (p === '0.95') own.p95 = value(samples);
      if (p === '0.99') own.p99 = value(samples);
    }
    const query = `sum by (service_name, detected_level) (count_over_time({service_name=~".+"}[${window}]))`;
    const { data } = (await source.ask(asks.logql, { query, time: when.end }, signal)) as LokiVector;
    for (const { metric, value: sample } of data.result) {
      const own = health(Object.entries(metric), 'service_name');
      own.lines += Number(sample[1]);
      const level = new Map(Object.entries(metric)).get('detected_level') ?? '';
      if (errorLevels.has(level)) own.errorLines += Number(sample[1]);
    }
    return table(found);
  },
});

interface LokiVector {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value: readonly [number, string];
    }[];
  };
}

function table(found: ReadonlyMap<string, Health>): string {
  if (found.size === 0) return 'No service sent spans or log lines in this range. Try a longer `since`.';
  const out = new AnswerText();
  out.add(`${found.size} services`);
  out.add('service | spans | failed | p50 | p95 | p99 | log lines | error lines');
  const trouble = ({ failed, errorLines }: Health) => failed + errorLines;
  const sorted = [...found].sort((a, b) => trouble(b[1]) - trouble(a[1]) || a[0].localeCompare(b[0]));
  for (const [service, { spans, failed, p50, p95, p99, lines, errorLines }] of sorted.slice(
    0,
    mostServices,
  )) {
    const share = failed > 0 ? ` (${((failed / spans) * 100).toFixed(2)}%)` : '';
    const latency = [p50, p95, p99].map((one) => (Number.isNaN(one) ? '-' : duration(one * 1000)));
    out.add(
      `${service || '(none)'} | ${spans} | ${failed}${share} | ${latency.join(' | ')} | ${lines} | ${errorLines}`,
    );
  }
  return out.finish('ask for a shorter range');
}
