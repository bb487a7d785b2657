import { QueryError } from '../../../lake/query-error.js';
import type { QueryRequest } from '../../server/endpoint.js';
import type { QueryLimits } from '../../server/guard.js';
import { inPieces, streamed } from '../../server/reply.js';
import type { LogEntry } from '../exec/logs.js';
import { parse } from '../syntax/parse.js';
import { formatTime } from '../template/index.js';
import { labels, labelValues } from './metadata.js';
import { LokiParams } from './params.js';
import { check, hour, logQuery, type Plan } from './queries.js';
import { labelsText, streamsOf } from './streams.js';

const rfc3339Nano = '2006-01-02T15:04:05.999999999Z07:00';

/** GET or POST /api/prom/query: a log query of a range, `regexp` as one more line filter (pkg/loghttp in Loki). */
export function legacyQuery(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  const range = params.rangeQuery(hour);
  const { query } = range;
  const regexp = params.text('regexp') ?? '';
  const expr = parse(regexp === '' ? query : `${query} |~ ${JSON.stringify(regexp)}`);
  check(expr);
  if (expr.kind !== 'log') {
    throw new QueryError('bad_data', 'legacy endpoints only support streams result type');
  }
  const run = logQuery(expr, range, limits);
  return async (ctx) => {
    const { entries, stats } = await run(ctx);
    return streamed(inPieces(texts(streamsOf(entries, false), stats)));
  };
}

/** GET or POST /api/prom/label and /api/prom/label/:name/values. */
export function legacyLabels(request: QueryRequest, limits: QueryLimits): Plan {
  const plan = (request.params['name'] === undefined ? labels : labelValues)(request, limits);
  return async (ctx) => {
    const { data } = (await plan(ctx)) as { readonly data: readonly string[] };
    return data.length > 0 ? { values: data } : {};
  };
}

/** Nanoseconds since the epoch as RFC 3339. */
export function legacyTime(nanoseconds: bigint): string {
  return formatTime({ kind: 'time', ns: nanoseconds, zone: 'UTC' }, rfc3339Nano);
}

/** Entries as the streams of old clients. */
export function legacyStreams(entries: readonly LogEntry[]): object[] {
  return streamsOf(entries, false).map(({ stream, entries: own }) => ({
    labels: labelsText(stream),
    entries: own.map(({ timeNs, line }) => ({ ts: legacyTime(timeNs), line })),
  }));
}

function* texts(streams: ReturnType<typeof streamsOf>, stats: object): Generator<string> {
  yield '{"streams":[';
  for (const [i, { stream, entries }] of streams.entries()) {
    yield `${i > 0 ? ',' : ''}{"labels":${JSON.stringify(labelsText(stream))},"entries":[`;
    for (const [j, { timeNs, line }] of entries.entries()) {
      yield (j > 0 ? ',' : '') + JSON.stringify({ ts: legacyTime(timeNs), line });
    }
    yield ']}';
  }
  yield `],"stats":${JSON.stringify(stats)}}`;
}
