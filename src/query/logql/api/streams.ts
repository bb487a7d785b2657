import { inPieces } from '../../server/reply.js';
import type { LogEntry } from '../exec/logs.js';

type Entry =
  | [time: string, line: string]
  | [time: string, line: string, categories: { structuredMetadata?: object; parsed?: object }];

interface Stream {
  readonly stream: Readonly<Record<string, string>>;
  readonly values: Entry[];
}

/**
 * Entries as streams, in the order of their first entry. `categorize`: a stream is its stream labels, and each
 * entry shows its structured metadata and parsed labels apart; otherwise all labels make the stream.
 */
export function streamsOf(entries: readonly LogEntry[], categorize: boolean): Stream[] {
  const streams = new Map<string, Stream>();
  for (const { timeNs, line, labels } of entries) {
    const shown: [string, string][] = [];
    const metadata: [string, string][] = [];
    const parsed: [string, string][] = [];
    for (const [name, value, category] of labels) {
      const target =
        !categorize || category === 'stream' ? shown : category === 'metadata' ? metadata : parsed;
      target.push([name, value]);
    }
    shown.sort(byName);
    const key = JSON.stringify(shown);
    let stream = streams.get(key);
    if (!stream) streams.set(key, (stream = { stream: Object.fromEntries(shown), values: [] }));
    const time = String(timeNs);
    stream.values.push(
      categorize
        ? [
            time,
            line,
            {
              ...(metadata.length > 0 && { structuredMetadata: Object.fromEntries(metadata) }),
              ...(parsed.length > 0 && { parsed: Object.fromEntries(parsed) }),
            },
          ]
        : [time, line],
    );
  }
  return [...streams.values()];
}

/** The body of the answer to a log query, in pieces; `categorize` as in `streamsOf`. */
export function streamsAnswer(
  entries: readonly LogEntry[],
  categorize: boolean,
  stats: object,
): AsyncGenerator<string> {
  return inPieces(texts(streamsOf(entries, categorize), categorize, stats));
}

const byName = ([a]: readonly [string, string], [b]: readonly [string, string]) =>
  a < b ? -1 : a > b ? 1 : 0;

function* texts(streams: readonly Stream[], categorize: boolean, stats: object): Generator<string> {
  const flags = categorize ? '"encodingFlags":["categorize-labels"],' : '';
  yield `{"status":"success","data":{"resultType":"streams",${flags}"result":[`;
  for (const [i, { stream, values }] of streams.entries()) {
    yield `${i > 0 ? ',' : ''}{"stream":${JSON.stringify(stream)},"values":[`;
    for (const [j, entry] of values.entries()) yield (j > 0 ? ',' : '') + JSON.stringify(entry);
    yield ']}';
  }
  yield `],"stats":${JSON.stringify(stats)}}}`;
}
