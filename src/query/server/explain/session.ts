import type { StatementFigures } from '../../../lake/explain/figures.js';
import type {
  FileSpan,
  FiguresOf,
  LineTimesRequest,
  LineTimesView,
  ListingView,
  MetadataRequest,
  ReadSession,
  RecentSets,
  RecentSetsRequest,
  ResultChunk,
  RowsRequest,
  SamplesRequest,
  SeriesRequest,
  SeriesView,
  SqlValue,
  ValuesRequest,
  ValuesSource,
} from '../../../lake/session.js';
import type { SharedUnit } from '../../../lake/samples/unit.js';

/** A statement of a query, or what it was told from memory in place of one. */
export type Step =
  | {
      readonly kind: 'statement';
      readonly sql: string;
      readonly params: readonly SqlValue[];
      /** Milliseconds since the query began, and those that it waited for rows. */
      readonly startMs: number;
      ms: number;
      rows: number;
      /** All rows were read. */
      complete: boolean;
      figures: StatementFigures | null;
    }
  | { readonly kind: 'memory'; readonly text: string; readonly startMs: number; readonly ms: number };

type StatementStep = Extract<Step, { readonly kind: 'statement' }>;

/** What the lake says in a comment of the index that it has looked into. */
const indexNote = /^\/\* (token index: [^*]*) \*\//;
/** How many are told; what comes after them is counted alone. */
const mostSteps = 200;

/** A read session that notes what is asked of it. */
export class NotedSession implements ReadSession {
  readonly steps: Step[] = [];
  dropped = 0;
  /** Milliseconds that were waited for the lake, and those of them that went into finding out how statements ran. */
  waited = 0;
  explained = 0;

  constructor(
    private readonly inner: ReadSession,
    private readonly begun: number,
  ) {}

  get signal(): AbortSignal | undefined {
    return this.inner.signal;
  }

  async rows(
    sql: string,
    params: readonly SqlValue[] = [],
    maxRows?: number,
  ): Promise<Record<string, unknown>[]> {
    const step = this.#statement(sql, params);
    const rows = await this.#timed(
      (ms) => (step.ms += ms),
      () => this.inner.rows(sql, params, maxRows, (figures) => this.#told(step, figures)),
    );
    step.rows = rows.length;
    step.complete = true;
    return rows;
  }

  async *stream(
    sql: string,
    params: readonly SqlValue[] = [],
    _?: FiguresOf,
    whole?: boolean,
  ): AsyncIterable<ResultChunk> {
    const step = this.#statement(sql, params);
    const chunks = this.inner.stream(sql, params, (figures) => this.#told(step, figures), whole);
    const iterator = chunks[Symbol.asyncIterator]();
    try {
      for (;;) {
        // What the query does with a chunk is not the statement's time.
        const next = await this.#timed(
          (ms) => (step.ms += ms),
          () => iterator.next(),
        );
        if (next.done) break;
        step.rows += next.value.rowCount;
        yield next.value;
      }
      step.complete = true;
    } finally {
      if (!step.complete) await iterator.return?.();
    }
  }

  metadata(request: MetadataRequest): Promise<string | null> {
    return this.#asked(this.inner.metadata?.(request), (source) => {
      const what = `labels and attribute keys of ${request.kind}`;
      return source === null
        ? `${what}: none in memory, the table is read`
        : `${what} from memory, of files known there`;
    });
  }

  listing(request: MetadataRequest): Promise<ListingView | null> {
    return this.#asked(this.inner.listing?.(request), (view) => {
      const what = `labels and attribute keys of ${request.kind}`;
      if (view === null) return `${what}: not known as a whole`;
      const beside = view.rest === null ? '' : ', and beside them what is in no such file';
      return `${what} from memory: ${view.whole.length + view.cut.length} files${beside}`;
    });
  }

  rowsOf(request: RowsRequest): Promise<string | null> {
    return this.#asked(this.inner.rowsOf?.(request), (source) => {
      const keys =
        request.keys.length === 0 ? '' : `, with the attributes ${request.keys.slice(0, 20).join(', ')}`;
      if (request.located && request.table === 'spans' && source === null)
        return `rows of ${request.table}: not known of each file whether it has the trace`;
      if (source === '') return `rows of ${request.table}: none that may be wanted`;
      return source === null
        ? `rows of ${request.table}: through DuckLake`
        : `rows of ${request.table}: data files straight${keys}${noted(source)}`;
    });
  }

  spread(request: RowsRequest): Promise<readonly FileSpan[] | null> {
    return this.#asked(this.inner.spread?.(request), (files) => {
      const groups = files?.reduce((sum, file) => sum + file.groups, 0);
      return files === null
        ? `files of ${request.table}: not known`
        : `files of ${request.table} that may have such rows: ${files.length}, about ${groups === undefined ? 0 : Math.ceil(groups)} row groups of them`;
    });
  }

  valuesOf(request: ValuesRequest): Promise<ValuesSource | null> {
    return this.#asked(this.inner.valuesOf?.(request), (source) => {
      const what = `values of ${request.key} in ${request.table}`;
      if (source === null) return `${what}: not counted, the rows are read`;
      return `${what} as they were counted by file${source.reads ? ', of other files by their column' : ''}`;
    });
  }

  lineTimes(request: LineTimesRequest): Promise<LineTimesView | null> {
    return this.#asked(this.inner.lineTimes?.(request), (view) => {
      if (view === null) return 'times of lines: too few in memory, the rows are read';
      const lines = view.units.reduce((sum, unit) => sum + unit.lines, 0);
      const isAll = view.rest === null && view.commits.length === 0;
      const beside = isAll ? '' : ', and from the table the rows that are in no such file';
      return `times of lines from memory: ${view.units.length} files, ${lines} lines${beside}`;
    });
  }

  series(request: SeriesRequest): Promise<SeriesView | null> {
    const { kinds, from, until, samples, only = null } = request;
    // What else would come with it is told where it is asked for by itself.
    return this.#asked(this.inner.series?.({ kinds, from, until, samples, only }), (view) => {
      if (view === null) return `series of ${request.kinds.join(', ')}: none in memory, the tables are read`;
      const told = view.tables
        .filter(({ files, rest }) => files.length > 0 || rest !== null)
        .map(({ kind, files, rest }) => {
          const beside = rest === null ? '' : ', and from the table the rows that are in no such file';
          return `series of ${kind} from memory: ${files.length} files${beside}`;
        })
        .join('; ');
      return told || `series of ${request.kinds.join(', ')}: none at that time`;
    });
  }

  samples(request: SamplesRequest): Promise<readonly SharedUnit[] | null> {
    return this.#asked(this.inner.samples?.(request), (units) => {
      if (units === null)
        return `samples of ${request.name}: not from memory, ${request.files.length} files are read`;
      const samples = units.reduce((sum, unit) => sum + unit.samples, 0);
      return `samples of ${request.name} from memory: ${units.length} files, ${samples} samples`;
    });
  }

  async recentSets(request: RecentSetsRequest): Promise<RecentSets | null> {
    return (await this.inner.recentSets?.(request)) ?? null;
  }

  #told(step: StatementStep, figures: StatementFigures | null): void {
    step.figures = figures;
    const ms = figures?.explainMs ?? 0;
    step.ms -= ms;
    this.explained += ms;
  }

  #statement(sql: string, params: readonly SqlValue[]): StatementStep {
    const startMs = performance.now() - this.begun;
    const run = { ms: 0, rows: 0, complete: false, figures: null };
    const step: StatementStep = { kind: 'statement', sql, params, startMs, ...run };
    this.#add(step);
    return step;
  }

  async #asked<T>(
    answer: Promise<T | null> | undefined,
    tell: (told: T | null) => string,
  ): Promise<T | null> {
    if (answer === undefined) return null;
    const startMs = performance.now() - this.begun;
    let took = 0;
    const told = await this.#timed(
      (ms) => (took = ms),
      () => answer,
    );
    this.#add({ kind: 'memory', text: tell(told), startMs, ms: took });
    return told;
  }

  #add(step: Step): void {
    if (this.steps.length < mostSteps) this.steps.push(step);
    else this.dropped++;
  }

  async #timed<T>(took: (ms: number) => void, work: () => Promise<T>): Promise<T> {
    const from = performance.now();
    try {
      return await work();
    } finally {
      const ms = performance.now() - from;
      this.waited += ms;
      took(ms);
    }
  }
}

function noted(source: string): string {
  const note = indexNote.exec(source)?.[1];
  return note === undefined ? '' : `; ${note}`;
}
