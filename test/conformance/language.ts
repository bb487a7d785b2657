/** One OTLP/HTTP export request in JSON. Parts of one path are sent as one request where that is possible. */
export interface Export {
  readonly path: '/v1/logs' | '/v1/traces' | '/v1/metrics';
  /** The members of `resourceLogs`, `resourceSpans` or `resourceMetrics`. */
  readonly resources: readonly object[];
}

/** What the server answered, as the scripts write it. */
export interface Outcome {
  readonly status: number;
  /** The error's text; '' when there is none. */
  readonly error: string;
  readonly rows: readonly string[];
}

/** What the runner has to know of a query language. */
export interface Language {
  readonly name: 'promql' | 'logql' | 'traceql';
  readonly title: string;
  /** The data of a `load` block, small portions in the order of time; `origin` is time 0 of the script in unix milliseconds. */
  readonly load: (args: string, lines: readonly string[], origin: number) => Export[];
  /** The tables that hold the data. */
  readonly tables: readonly string[];
  /** Asks what stands behind `eval` or `fail`. */
  readonly ask: (url: string, args: string, origin: number) => Promise<Outcome>;
  /** An expected line in the form of `Outcome.rows`. */
  readonly row: (line: string) => string;
  /** Whether the order of the rows counts. */
  readonly ordered: (args: string) => boolean;
}
