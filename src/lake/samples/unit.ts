/** Which numbers of a metric's points: its value, or parts of a histogram or a summary. */
export type SamplePart = 'value' | 'sum' | 'count' | 'bucket' | 'quantile';

export interface MetricPart {
  readonly name: string;
  readonly part: SamplePart;
}

/**
 * The samples of one metric in one data file, series by series in time order, one a millisecond: in memory that all
 * threads share.
 */
export interface SharedUnit {
  /** Of no other unit of this process. */
  readonly id: number;
  readonly buffer: SharedArrayBuffer;
  readonly runs: number;
  readonly samples: number;
  readonly ends: number;
  /** Unix milliseconds that its times count from. */
  readonly base: number;
}

/** What lies in the buffer. */
export interface SampleUnit {
  readonly id: number;
  readonly base: number;
  /**
   * Of each run of samples, the number of a label set that it belongs to (`metadata/store`). Buckets and quantiles of one set are
   * runs one behind the other.
   */
  readonly sets: Int32Array;
  /** Run r has the samples `starts[r]` to `untils[r] - 1`. */
  readonly starts: Uint32Array;
  readonly untils: Uint32Array;
  /** Milliseconds after `base`. */
  readonly times: Uint32Array;
  readonly values: Float64Array;
  /** Times at which a run was marked as ended (OTLP's "no recorded value"): `endStarts[r]` to `endStarts[r + 1] - 1`. */
  readonly endStarts: Uint32Array;
  readonly endTimes: Uint32Array;
}

type Size = Pick<SharedUnit, 'runs' | 'samples' | 'ends'>;

let units = 0;

export function unitBytes({ runs, samples, ends }: Size): number {
  return samples * 12 + ends * 4 + runs * 16 + 8;
}

export function emptyUnit(size: Size, base: number): SharedUnit {
  return { ...size, id: ++units, base, buffer: new SharedArrayBuffer(unitBytes(size)) };
}

export function unitOf({ id, buffer, runs, samples, ends, base }: SharedUnit): SampleUnit {
  let at = samples * 8;
  const next = (count: number): number => {
    const begin = at;
    at += count * 4;
    return begin;
  };
  return {
    id,
    base,
    values: new Float64Array(buffer, 0, samples),
    times: new Uint32Array(buffer, next(samples), samples),
    sets: new Int32Array(buffer, next(runs), runs),
    starts: new Uint32Array(buffer, next(runs + 1), runs + 1),
    untils: new Uint32Array(buffer, next(runs), runs),
    endStarts: new Uint32Array(buffer, next(runs + 1), runs + 1),
    endTimes: new Uint32Array(buffer, next(ends), ends),
  };
}
