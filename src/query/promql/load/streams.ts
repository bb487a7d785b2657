import { Labels, metricName } from '../../series/labels.js';
import type { MetricOrigin } from '../../series/samples.js';
import { plainDecimal } from '../../text/numbers.js';
import { bucketBounds } from './histogram.js';
import { identityColumns, isOfPrometheus, pointLabels } from './identity.js';
import { hasTemporality, suffixes, type MetricTable, type Part } from './sources.js';

/** A set of data points that share all identifying columns; a histogram's bounds are among them. */
export interface Stream {
  readonly id: number;
  readonly name: string;
  /** The OpenTelemetry name and the type of the metric. */
  readonly metric: MetricOrigin;
  /** Labels without the name. */
  readonly labels: readonly (readonly [string, string])[];
  readonly delta: boolean;
  /** Sent by Prometheus with its labels: of a native histogram there are no classic series then, but those that were sent. */
  readonly ofPrometheus: boolean;
  /** A histogram that is neither delta nor cumulative, so not one of counters. */
  readonly gauge: boolean;
  /** Histogram bounds or summary quantiles. */
  readonly bounds: readonly number[];
}

/** Of OTLP's aggregation_temporality. */
const [unspecified, delta] = [0, 1];

/** The columns that tell the streams of a table apart; `scope`: also by instrumentation scope. */
export function streamColumns(table: MetricTable, scope: boolean): string[] {
  const extra = hasTemporality(table) ? ['aggregation_temporality'] : [];
  const bounds = boundsColumn(table);
  return [...identityColumns(scope), ...extra, ...(bounds ? [bounds] : [])];
}

function boundsColumn(table: MetricTable): string | undefined {
  if (table === 'metric_histogram') return 'explicit_bounds';
  return table === 'metric_summary' ? 'quantiles' : undefined;
}

/** The stream of a row of which `cell` gives the columns. */
export function streamOf(table: MetricTable, id: number, cell: (column: string) => unknown): Stream {
  return {
    id,
    name: (cell('prometheus_name') as string | null) ?? '',
    metric: { name: (cell('metric_name') as string | null) ?? '', type: table.slice('metric_'.length) },
    labels: pointLabels((column) => cell(column) as string | null),
    ofPrometheus: isOfPrometheus(cell('metric_attributes') as string | null),
    delta: cell('aggregation_temporality') === delta,
    gauge: cell('aggregation_temporality') === unspecified,
    bounds: (cell(boundsColumn(table) ?? '') as number[] | null) ?? [],
  };
}

/** The label that tells the series of one stream apart. */
export function partLabels(part: Part, stream: Stream): readonly (readonly [string, string] | null)[] {
  if (part === 'bucket') return bucketBounds(stream.bounds).map((bound) => ['le', bound]);
  if (part === 'quantile') return stream.bounds.map((quantile) => ['quantile', plainDecimal(quantile)]);
  return [null];
}

export function seriesLabels(stream: Stream, name: string, extra: readonly [string, string] | null): Labels {
  return Labels.of([...stream.labels, ...(extra ? [extra] : []), [metricName, name]]);
}

/** Which label sets a part of a stream has, without reading samples; an exponential histogram's bounds are not known then. */
export function partSeries(part: Part, stream: Stream): Labels[] {
  return partLabels(part, stream).map((extra) => seriesLabels(stream, stream.name + suffixes[part], extra));
}
