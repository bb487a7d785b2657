import { inPieces } from '../../server/reply.js';
import { byteOrder } from '../../text/byte-order.js';
import type { LogEntry } from '../exec/logs.js';
import type { Category } from '../model/labels.js';

type Entry =
  | [time: string, line: string]
  | [time: string, line: string, categories: { structuredMetadata?: object; parsed?: object }];

interface Stream {
  readonly stream: Readonly<Record<string, string>>;
  readonly entries: LogEntry[];
}

/**
 * Entries as streams, in the order of their labels. `categorize`: a stream is its stream labels, and each
 * entry shows its structured metadata and parsed labels apart; otherwise all labels make the stream.
 */
export function streamsOf(entries: readonly LogEntry[], categorize: boolean): Stream[] {
  const streams = new Map<string, Stream>();
  for (const entry of entries) {
    const shown = entry.labels.flatMap(([name, value, category]): [string, string][] =>
      !categorize || category === 'stream' ? [[name, value]] : [],
    );
    shown.sort(byName);
    const key = labelsText(Object.fromEntries(shown));
    let stream = streams.get(key);
    if (!stream) streams.set(key, (stream = { stream: Object.fromEntries(shown), entries: [] }));
    stream.entries.push(entry);
  }
  return [...streams].sort(byName).map(([, stream]) => stream);
}

/** An entry as JSON shows it. */
function entryOf({ timeNs, line, labels }: LogEntry, categorize: boolean): Entry {
  const time = String(timeNs);
  if (!categorize) return [time, line];
  const of = (wanted: Category) => {
    const own = labels.filter(([, , category]) => category === wanted);
    return own.length > 0 && Object.fromEntries(own.map(([name, value]) => [name, value]));
  };
  const [structuredMetadata, parsed] = [of('metadata'), of('parsed')];
  return [time, line, { ...(structuredMetadata && { structuredMetadata }), ...(parsed && { parsed }) }];
}

/** Streams with their entries as JSON shows them. */
export function streamsJson(entries: readonly LogEntry[], categorize: boolean): object[] {
  return streamsOf(entries, categorize).map(({ stream, entries: own }) => ({
    stream,
    values: own.map((entry) => entryOf(entry, categorize)),
  }));
}

/** Labels as the text of a selector. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(', ')}}`;
}

/** The body of the answer to a log query, in pieces; `categorize` as in `streamsOf`. */
export function streamsAnswer(
  entries: readonly LogEntry[],
  categorize: boolean,
  stats: object,
): AsyncGenerator<string> {
  return inPieces(texts(streamsOf(entries, categorize), categorize, stats));
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => byteOrder(a, b);

function* texts(streams: readonly Stream[], categorize: boolean, stats: object): Generator<string> {
  const flags = categorize ? '"encodingFlags":["categorize-labels"],' : '';
  yield `{"status":"success","data":{"resultType":"streams",${flags}"result":[`;
  for (const [i, { stream, entries }] of streams.entries()) {
    yield `${i > 0 ? ',' : ''}{"stream":${JSON.stringify(stream)},"values":[`;
    for (const [j, entry] of entries.entries()) {
      yield (j > 0 ? ',' : '') + JSON.stringify(entryOf(entry, categorize));
    }
    yield ']}';
  }
  yield `],"stats":${JSON.stringify(stats)}}}`;
}
