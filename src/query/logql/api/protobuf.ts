import { Labels } from '../../series/labels.js';
import type { MetricSeries } from '../../series/render.js';
import { ProtobufWriter } from '../../server/protobuf-writer.js';
import type { QueryAnswer, QueryRequest } from '../../server/endpoint.js';
import type { LogEntry } from '../exec/logs.js';
import { writeStats, type Stats } from './protobuf-stats.js';
import { labelsText, streamsOf } from './streams.js';

/**
 * Answers as the parts of Loki write them to each other: `queryrange.QueryResponse` of
 * pkg/querier/queryrange/queryrange.proto, with the messages that it takes from pkg/logproto and pkg/push.
 */
const contentType = 'application/vnd.google.protobuf';

/** Loki compares the whole header. */
export function wantsProtobuf({ accept }: Pick<QueryRequest, 'accept'>): boolean {
  return accept === contentType;
}

type Write<T> = (writer: ProtobufWriter, answer: T) => void;

/** A QueryResponse with the status of success, and `field` of its oneof. */
function queryResponse(field: number, write: (writer: ProtobufWriter) => void): QueryAnswer {
  const writer = new ProtobufWriter();
  writer.message(1, () => undefined);
  writer.message(field, () => write(writer));
  return { contentType, body: writer.finish() };
}

type Pair = readonly [name: string, value: string];

function writePairs(writer: ProtobufWriter, field: number, pairs: Iterable<Pair>): void {
  for (const [name, value] of pairs) {
    writer.message(field, () => {
      writer.string(1, name);
      writer.string(2, value);
    });
  }
}

interface StreamsAnswer {
  readonly entries: readonly LogEntry[];
  /** The labels of a stream are its own alone, as in JSON. An entry shows its further ones either way. */
  readonly categorize: boolean;
  readonly forward: boolean;
  readonly limit: number;
  readonly stats: Stats;
}

/** LokiResponse */
export function streamsProtobuf(answer: StreamsAnswer): QueryAnswer {
  return queryResponse(6, (writer) => {
    writer.string(1, 'success');
    writer.message(2, () => {
      writer.string(1, 'streams');
      for (const { stream, entries } of streamsOf(answer.entries, answer.categorize)) {
        writer.message(2, () => {
          writer.string(1, labelsText(stream));
          for (const entry of entries) writer.message(2, () => writeEntry(writer, entry));
        });
      }
    });
    writer.uint(5, answer.forward ? 0 : 1);
    writer.uint(6, answer.limit);
    writer.uint(7, 1);
    writeStats(writer, 8, answer.stats);
  });
}

function writeEntry(writer: ProtobufWriter, { timeNs, line, labels }: LogEntry): void {
  writer.message(1, () => writeTimestamp(writer, timeNs));
  writer.string(2, line);
  const of = (wanted: string) =>
    labels.flatMap(([name, value, category]): Pair[] => (category === wanted ? [[name, value]] : []));
  writePairs(writer, 3, of('metadata'));
  writePairs(writer, 4, of('parsed'));
}

/** Nanoseconds count from the second before, also before 1970. */
function writeTimestamp(writer: ProtobufWriter, ns: bigint): void {
  const rest = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  writer.uint64(1, (ns - rest) / 1_000_000_000n);
  writer.uint(2, Number(rest));
}

/** LokiPromResponse; an instant answer and a scalar are series of one sample. */
export function seriesProtobuf(
  resultType: 'matrix' | 'vector' | 'scalar',
  series: readonly MetricSeries[],
  stats?: Stats,
): QueryAnswer {
  return queryResponse(5, (writer) => {
    writer.message(1, () => {
      writer.string(1, 'success');
      writer.message(2, () => {
        writer.string(1, resultType);
        for (const { labels, points } of series) {
          writer.message(2, () => {
            writePairs(writer, 1, labels instanceof Labels ? labels.entries() : Object.entries(labels));
            const { times, values } = points();
            for (let i = 0; i < times.length; i++) {
              writer.message(2, () => {
                writer.double(1, values[i] ?? NaN);
                writer.int64(2, BigInt(Math.trunc(times[i] ?? 0)));
              });
            }
          });
        }
      });
    });
    if (stats) writeStats(writer, 2, stats);
  });
}

/** LokiLabelNamesResponse */
const labels: Write<{ readonly data: readonly string[] }> = (writer, { data }) => {
  writer.string(1, 'success');
  for (const name of data) writer.oneofString(2, name);
  writer.uint(3, 1);
};

/** LokiSeriesResponse */
const series: Write<{ readonly data: readonly Readonly<Record<string, string>>[] }> = (writer, { data }) => {
  writer.string(1, 'success');
  for (const one of data) writer.message(2, () => writePairs(writer, 1, Object.entries(one)));
  writer.uint(3, 1);
};

interface IndexStats {
  readonly streams: number;
  readonly chunks: number;
  readonly bytes: number;
  readonly entries: number;
}

const indexStats: Write<IndexStats> = (writer, { streams, chunks, bytes, entries }) => {
  writer.uint(1, streams);
  writer.uint(2, chunks);
  writer.uint(3, bytes);
  writer.uint(4, entries);
};

/** ShardsResponse of one shard that has all fingerprints. */
export function shardsProtobuf(counted: object, stats: Stats): QueryAnswer {
  return queryResponse(10, (writer) => {
    writer.message(1, () => {
      writer.message(1, () => {
        writer.message(1, () => writer.uint64(2, 2n ** 64n - 1n));
        writer.message(2, () => indexStats(writer, counted as IndexStats));
      });
      writeStats(writer, 2, stats);
    });
  });
}

interface DetectedFields {
  readonly fields?: readonly {
    readonly label: string;
    readonly type: string;
    readonly cardinality: number;
    readonly parsers: readonly string[] | null;
    readonly jsonPath?: readonly string[];
  }[];
  readonly values?: readonly string[];
  readonly limit: number;
}

const detectedFields: Write<DetectedFields> = (writer, { fields = [], values = [], limit }) => {
  for (const { label, type, cardinality, parsers, jsonPath = [] } of fields) {
    writer.message(1, () => {
      writer.string(1, label);
      writer.string(2, type);
      writer.uint(3, cardinality);
      for (const parser of parsers ?? []) writer.oneofString(4, parser);
      for (const part of jsonPath) writer.oneofString(6, part);
    });
  }
  writer.uint(2, limit);
  for (const value of values) writer.oneofString(3, value);
};

interface DetectedLabels {
  readonly detectedLabels: readonly { readonly label: string; readonly cardinality: number }[];
}

const detectedLabels: Write<DetectedLabels> = (writer, answer) => {
  for (const { label, cardinality } of answer.detectedLabels) {
    writer.message(1, () => {
      writer.string(1, label);
      writer.uint(2, cardinality);
    });
  }
};

interface Patterns {
  readonly data: readonly {
    readonly pattern: string;
    readonly level: string;
    readonly samples: readonly (readonly [seconds: number, count: number])[];
  }[];
}

/** Times are milliseconds here, and seconds in JSON. */
const patterns: Write<Patterns> = (writer, { data }) => {
  for (const { pattern, level, samples } of data) {
    writer.message(1, () => {
      writer.string(1, pattern);
      for (const [seconds, count] of samples) {
        writer.message(2, () => {
          writer.int64(1, BigInt(seconds) * 1000n);
          writer.uint(2, count);
        });
      }
      writer.string(3, level);
    });
  }
};

/** Where an answer goes in QueryResponse; `wrapped`: as the `response` of a message that has headers besides. */
const shapes = new Map<
  string,
  { readonly field: number; readonly wrapped: boolean; readonly write: Write<never> }
>([
  ['labels', { field: 3, wrapped: false, write: labels }],
  ['label', { field: 3, wrapped: false, write: labels }],
  ['label/:name/values', { field: 3, wrapped: false, write: labels }],
  ['series', { field: 2, wrapped: false, write: series }],
  ['index/stats', { field: 4, wrapped: true, write: indexStats }],
  ['detected_fields', { field: 11, wrapped: true, write: detectedFields }],
  ['detected_field/:name/values', { field: 11, wrapped: true, write: detectedFields }],
  ['patterns', { field: 12, wrapped: true, write: patterns }],
  ['detected_labels', { field: 13, wrapped: true, write: detectedLabels }],
]);

/** What an endpoint's plan gives as a QueryResponse; undefined where Loki answers in JSON whatever is asked for. */
export function objectProtobuf(path: string, answer: object): QueryAnswer | undefined {
  const shape = shapes.get(path);
  if (!shape) return undefined;
  const { field, wrapped, write } = shape;
  return queryResponse(field, (writer) => {
    if (wrapped) writer.message(1, () => write(writer, answer as never));
    else write(writer, answer as never);
  });
}
