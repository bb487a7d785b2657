import type { Scrape, ScrapeSample } from './prometheus-text.js';

export interface SignalView {
  readonly signal: string;
  readonly requestsPerSecond: number;
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Seconds; null when nothing was acknowledged in the interval. */
  readonly ack: Percentiles | null;
  readonly spoolBytes: number;
  readonly spoolCapacityBytes: number;
  readonly backlogBytes: number;
  readonly refusalsPerSecond: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** What happened between two scrapes of /metrics, `seconds` apart. Fields that the server lacks are null. */
export interface TopView {
  readonly seconds: number;
  readonly version: string;
  readonly duckdb: string;
  readonly ducklake: string;
  readonly uptimeSeconds: number | null;
  readonly signals: readonly SignalView[];
  readonly freshnessProjectedSeconds: number | null;
  readonly visible: Percentiles | null;
  readonly commitsPerSecond: number;
  readonly commitFailuresPerSecond: number;
  readonly queries: {
    readonly inFlight: number;
    readonly perSecond: number;
    readonly errorsPerSecond: number;
    readonly refusalsPerSecond: number;
    readonly latency: Percentiles | null;
  };
  readonly lake: {
    readonly snapshot: number | null;
    readonly files: number | null;
    readonly bytes: number | null;
    readonly checkpoints: number;
    readonly checkpointFailures: number;
  };
  readonly process: {
    /** Cores in use: 1.5 is one and a half. */
    readonly cores: number;
    readonly residentBytes: number | null;
    readonly duckdbBytes: number | null;
    readonly heapBytes: number | null;
    readonly eventLoopLagP99Seconds: number | null;
  };
  /** Refusals of ingest by reason, per second; only those that happened. */
  readonly refusals: readonly { readonly reason: string; readonly perSecond: number }[];
}

type Match = Readonly<Record<string, string>>;

function matches(sample: ScrapeSample, match: Match): boolean {
  return Object.entries(match).every(([key, value]) => sample.labels[key] === value);
}

function total(scrape: Scrape, name: string, match: Match = {}): number | null {
  const samples = scrape.get(name)?.filter((sample) => matches(sample, match));
  if (!samples || samples.length === 0) return null;
  return samples.reduce((sum, { value }) => sum + value, 0);
}

/** The q-quantile of cumulative buckets by linear interpolation; Infinity when it lies beyond the last bound. */
export function bucketQuantile(
  q: number,
  buckets: readonly (readonly [bound: number, count: number])[],
): number {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const all = sorted.at(-1)?.[1] ?? 0;
  if (all <= 0) return NaN;
  const rank = q * all;
  let below = 0;
  let lower = 0;
  for (const [bound, count] of sorted) {
    if (count >= rank) {
      if (bound === Infinity) return Infinity;
      return count === below ? bound : lower + ((bound - lower) * (rank - below)) / (count - below);
    }
    below = count;
    lower = bound;
  }
  return Infinity;
}

/** Compares two scrapes. A counter that fell belongs to a restarted server and counts from zero. */
class Interval {
  constructor(
    private readonly before: Scrape,
    readonly after: Scrape,
    readonly seconds: number,
  ) {}

  increase(name: string, match: Match = {}): number {
    const old = new Map(this.before.get(name)?.map((s) => [JSON.stringify(s.labels), s.value]));
    let sum = 0;
    for (const sample of this.after.get(name) ?? []) {
      if (!matches(sample, match)) continue;
      const start = old.get(JSON.stringify(sample.labels)) ?? 0;
      sum += sample.value < start ? sample.value : sample.value - start;
    }
    return sum;
  }

  rate(name: string, match: Match = {}): number {
    return this.increase(name, match) / this.seconds;
  }

  percentiles(name: string, match: Match = {}): Percentiles | null {
    const bounds = new Set((this.after.get(`${name}_bucket`) ?? []).map(({ labels }) => labels['le'] ?? ''));
    const buckets = [...bounds].map((le): [number, number] => [
      le === '+Inf' ? Infinity : Number(le),
      this.increase(`${name}_bucket`, { ...match, le }),
    ]);
    if (buckets.every(([, count]) => count === 0)) return null;
    const at = (q: number) => bucketQuantile(q, buckets);
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }

  /** Increases by the value of one label. */
  byLabel(name: string, key: string): { value: string; perSecond: number }[] {
    const values = new Set((this.after.get(name) ?? []).map(({ labels }) => labels[key] ?? ''));
    return [...values]
      .map((value) => ({ value, perSecond: this.rate(name, { [key]: value }) }))
      .filter(({ perSecond }) => perSecond > 0)
      .sort((a, b) => b.perSecond - a.perSecond);
  }
}

function signalView(interval: Interval, signal: string): SignalView {
  const { after } = interval;
  return {
    signal,
    requestsPerSecond: interval.rate('canardstack_otlp_requests_total', { signal }),
    recordsPerSecond: interval.rate('canardstack_otlp_records_total', { signal, outcome: 'accepted' }),
    bytesPerSecond: interval.rate('canardstack_otlp_request_bytes_total', { signal }),
    ack: interval.percentiles('canardstack_otlp_ack_seconds', { signal }),
    spoolBytes: total(after, 'canardstack_spool_bytes', { signal }) ?? 0,
    spoolCapacityBytes: total(after, 'canardstack_spool_capacity_bytes', { signal }) ?? 0,
    backlogBytes: total(after, 'canardstack_seal_backlog_bytes', { signal }) ?? 0,
    refusalsPerSecond: interval.rate('canardstack_otlp_refusals_total', { signal }),
  };
}

export function topView(
  before: Scrape,
  after: Scrape,
  seconds: number,
  nowSeconds = Date.now() / 1000,
): TopView {
  const interval = new Interval(before, after, seconds);
  const build = after.get('canardstack_build_info')?.[0]?.labels ?? {};
  const started = total(after, 'process_start_time_seconds');
  const commits = interval.rate('canardstack_seal_commits_total');
  const goodCommits = interval.rate('canardstack_seal_commits_total', { outcome: 'ok' });
  const queries = interval.rate('canardstack_queries_total');
  const goodQueries = interval.rate('canardstack_queries_total', { outcome: 'ok' });
  const checkpoints = (status: string) => total(after, 'ducklake_checkpoint_runs_total', { status }) ?? 0;
  return {
    seconds,
    version: build['version'] ?? '',
    duckdb: build['duckdb'] ?? '',
    ducklake: build['ducklake'] ?? '',
    uptimeSeconds: started === null ? null : Math.max(0, nowSeconds - started),
    signals: ['logs', 'traces', 'metrics'].map((signal) => signalView(interval, signal)),
    freshnessProjectedSeconds: total(after, 'canardstack_freshness_projected_seconds'),
    visible: interval.percentiles('canardstack_visible_seconds'),
    commitsPerSecond: goodCommits,
    commitFailuresPerSecond: commits - goodCommits,
    queries: {
      inFlight: total(after, 'canardstack_queries_in_flight') ?? 0,
      perSecond: queries,
      errorsPerSecond: queries - goodQueries,
      refusalsPerSecond: interval.rate('canardstack_query_refusals_total'),
      latency: interval.percentiles('canardstack_query_seconds'),
    },
    lake: {
      snapshot: total(after, 'canardstack_lake_snapshot'),
      files: total(after, 'canardstack_lake_files'),
      bytes: total(after, 'canardstack_lake_bytes'),
      checkpoints: checkpoints('ok'),
      checkpointFailures: checkpoints('error'),
    },
    process: {
      cores: interval.rate('process_cpu_seconds_total'),
      residentBytes: total(after, 'process_resident_memory_bytes'),
      duckdbBytes: total(after, 'canardstack_duckdb_memory_bytes'),
      heapBytes: total(after, 'nodejs_heap_size_used_bytes'),
      eventLoopLagP99Seconds: total(after, 'nodejs_eventloop_lag_p99_seconds'),
    },
    refusals: interval
      .byLabel('canardstack_otlp_refusals_total', 'reason')
      .map(({ value, perSecond }) => ({ reason: value, perSecond })),
  };
}
