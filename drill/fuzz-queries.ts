/** Mutated queries of all three languages, asked over the query APIs of a lake with some data. */
import assert from 'node:assert/strict';
import fastify, { type FastifyInstance } from 'fastify';
import { lokiApi } from '../src/query/logql/index.js';
import { prometheusApi } from '../src/query/promql/index.js';
import { QueryThreads } from '../src/query/threads/index.js';
import { tempoApi } from '../src/query/traceql/index.js';
import { createTelemetry } from '../src/telemetry/index.js';
import { readScripts } from '../test/conformance/script.js';
import { languages } from '../test/reading/differential.js';
import { randomOf, type Random, type Span } from '../test/reading/language.js';
import { testLake } from '../test/support/lake.js';
import { randomNumbers } from '../test/support/random.js';
import { mutated, mutatedNumber } from './fuzz-mutations.js';

export interface QueryFuzzReport {
  readonly queries: number;
  /** By language and status. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly peakRssBytes: number;
  readonly slowestMs: number;
  readonly slowest: string;
}

/** The languages of which queries are asked. */
export const fuzzLanguages: readonly string[] = languages.map(({ name }) => name);

const timeoutMs = 10_000;
/** An answer may come so much later than the time-out: the thread ends its query first. */
const graceMs = 5000;
const begin = Date.parse('2026-03-01T00:00:00Z') / 1000;
const hours = 0.1;
const whole: Span = { from: begin, to: begin + hours * 3600 };

/**
 * Throws, naming the seed of the query, when one breaks a promise: a status of 500 or more (but a time-out's, which must come
 * in time), an answer that is not in the API's own form, or a query thread that ends.
 */
export async function fuzzQueries(
  count: number,
  seed: number,
  names = fuzzLanguages,
): Promise<QueryFuzzReport> {
  const asked = languages.filter(({ name }) => names.includes(name));
  const lake = await testLake({ timeoutMs, maxSamples: 2_000_000, maxSeries: 20_000 });
  const telemetry = createTelemetry('silent');
  const threads = await QueryThreads.start({ threads: 1, telemetry });
  const app = fastify({ bodyLimit: 4 * 1024 * 1024, routerOptions: { maxParamLength: 10_000 } });
  const outcomes: Record<string, number> = {};
  let [peakRssBytes, slowestMs, slowest] = [0, 0, ''];
  try {
    for (const language of languages) await language.fill(lake, randomOf(randomNumbers(seed)), whole);
    for (const api of [prometheusApi, lokiApi, tempoApi]) {
      await app.register(api({ guard: lake.cached, telemetry, threads }));
    }
    const corpora = new Map(languages.map(({ name }) => [name, corpus(name)]));
    const { threadIds } = threads;
    for (let i = 0; i < count; i++) {
      const random = randomOf(randomNumbers(seed + i));
      const language = random.pick(asked);
      const url = mutatedUrl(random, language.question(random, whole), corpora.get(language.name) ?? []);
      const begun = performance.now();
      try {
        const status = await ask(app, url);
        assert.deepEqual(threads.threadIds, threadIds, 'a query thread ended');
        const took = performance.now() - begun;
        assert.ok(took < timeoutMs + graceMs, `the answer took ${Math.round(took)} ms`);
        if (took > slowestMs) [slowestMs, slowest] = [took, url];
        const outcome = `${language.name} ${status}`;
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      } catch (error) {
        throw new Error(`the query with seed ${seed + i} broke a promise: ${url.slice(0, 4000)}`, {
          cause: error,
        });
      }
      if (i % 50 === 0) peakRssBytes = Math.max(peakRssBytes, process.memoryUsage.rss());
    }
  } finally {
    await app.close();
    await threads.close();
    await lake.close();
  }
  return { queries: count, outcomes, peakRssBytes, slowestMs, slowest };
}

/** The queries of the conformance scripts. */
function corpus(language: string): string[] {
  const args = readScripts(language).flatMap(({ cases, file }) =>
    cases.map((one) => ({ file, text: one.args })),
  );
  return args.flatMap(({ text }) => {
    const [, query] =
      /^(?:\w+ )*?(?:at|from) \S+(?: to \S+)?(?: (?:step|limit|spss) \S+)* (.+)$/.exec(text) ?? [];
    return query ?? [];
  });
}

/** Mutates the query of a question, and now and then its other parameters. */
function mutatedUrl(random: Random, url: string, queries: readonly string[]): string {
  const at = url.indexOf('?');
  const path = at < 0 ? url : url.slice(0, at);
  const params = [...new URLSearchParams(at < 0 ? '' : url.slice(at + 1))].map(
    ([name, value]): [string, string] => {
      if (['query', 'q', 'match[]', 'tags'].includes(name)) {
        const base = queries.length > 0 && random.next() < 0.5 ? random.pick(queries) : value;
        return [name, mutated(random, base, queries)];
      }
      return [name, random.next() < 0.04 ? mutatedNumber(random, value) : value];
    },
  );
  return `${path}?${new URLSearchParams(params).toString()}`;
}

async function ask(app: FastifyInstance, url: string): Promise<number> {
  const form = url.length > 8000 && !url.startsWith('/loki/api/v1/label/');
  const at = url.indexOf('?');
  const posts = form && !/^\/api\/(v1\/(label|metadata)|v2\/traces|traces)/.test(url);
  const answer = await app.inject(
    posts
      ? {
          ...{ method: 'POST' as const, url: url.slice(0, at), payload: url.slice(at + 1) },
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        }
      : { url },
  );
  const { statusCode: status, body } = answer;
  if (status === 200) {
    if (/^application\/json/.test(String(answer.headers['content-type']))) JSON.parse(body);
    return status;
  }
  const told = `${status} ${body.slice(0, 500)}`;
  assert.ok(status < 500 || /ran longer than/.test(body), told);
  assert.ok(body.length > 0 && body.length < 20_000, `an error that says too little or too much: ${told}`);
  assert.doesNotMatch(
    body,
    /\bat .+\.(js|ts):\d+|TypeError|RangeError|undefined is not|Binder Error|Parser Error:/,
    told,
  );
  if (url.startsWith('/api/v1/')) {
    const { status: word, errorType, error } = JSON.parse(body) as Record<string, unknown>;
    assert.equal(word, 'error', told);
    assert.ok(typeof errorType === 'string' && typeof error === 'string', told);
  }
  return status;
}
