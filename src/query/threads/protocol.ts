import type { StatementFigures } from '../../lake/explain/figures.js';
import type { QueryError } from '../../lake/query-error.js';
import type {
  LineTimesRequest,
  MetadataRequest,
  RawChunk,
  ReadSession,
  RecentSetsRequest,
  RowsRequest,
  SamplesRequest,
  SeriesRequest,
  SeriesView,
  SqlValue,
  ValuesRequest,
} from '../../lake/session.js';
import type { Job } from '../server/endpoint.js';
import type { QueryLimits } from '../server/guard.js';

/** The chunk itself stays behind, referenced, until the thread has read the batch. */
export type SentChunk = Omit<RawChunk, 'hold'>;

/** What a thread asks for besides rows: a method of the read session, and its argument. */
export type Question =
  | { readonly of: 'metadata'; readonly request: MetadataRequest }
  | { readonly of: 'listing'; readonly request: MetadataRequest }
  | { readonly of: 'rowsOf'; readonly request: RowsRequest }
  | { readonly of: 'spread'; readonly request: RowsRequest }
  | { readonly of: 'valuesOf'; readonly request: ValuesRequest }
  | { readonly of: 'lineTimes'; readonly request: LineTimesRequest }
  | { readonly of: 'series'; readonly request: SeriesRequest }
  | { readonly of: 'samples'; readonly request: SamplesRequest }
  | { readonly of: 'recentSets'; readonly request: RecentSetsRequest };

export type Told = Awaited<ReturnType<NonNullable<ReadSession[Question['of']]>>>;

export type ToThread =
  | {
      readonly type: 'run';
      readonly query: number;
      readonly job: Job;
      readonly limits: QueryLimits;
      /** The answer to what the job asks first; absent where it was not asked. */
      readonly told?: SeriesView | null;
    }
  /** The statement runs; its columns. */
  | {
      readonly type: 'started';
      readonly query: number;
      readonly statement: number;
      readonly names: readonly string[];
    }
  | {
      readonly type: 'rows';
      readonly query: number;
      readonly statement: number;
      readonly batch: number;
      readonly chunks: readonly SentChunk[];
    }
  /** Answers 'ask'. */
  | { readonly type: 'told'; readonly query: number; readonly statement: number; readonly told: Told }
  | {
      readonly type: 'end';
      readonly query: number;
      readonly statement: number;
      readonly failed: boolean;
      readonly figures: StatementFigures | null;
    }
  /** The client takes more of the answer. */
  | { readonly type: 'more'; readonly query: number }
  | { readonly type: 'abort'; readonly query: number };

export type FromThread =
  | { readonly type: 'ready' }
  | {
      readonly type: 'sql';
      readonly query: number;
      readonly statement: number;
      readonly sql: string;
      readonly params: readonly SqlValue[];
      /** It is told with its end how the statement ran. */
      readonly figures: boolean;
      /** As `ReadSession.stream` has it. */
      readonly whole?: boolean;
    }
  | { readonly type: 'ask'; readonly query: number; readonly statement: number; readonly question: Question }
  /** Every value of the batch was read. */
  | { readonly type: 'read'; readonly query: number; readonly statement: number; readonly batch: number }
  /** No more rows are wanted. */
  | { readonly type: 'enough'; readonly query: number; readonly statement: number }
  | {
      readonly type: 'piece';
      readonly query: number;
      readonly contentType: string;
      readonly contentEncoding?: 'snappy';
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly last: boolean;
    }
  | { readonly type: 'failed'; readonly query: number; readonly error: SentError };

export interface SentError {
  /** Null for an error that is no QueryError: then `message` is for the log alone. */
  readonly kind: QueryError['kind'] | null;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

export interface ThreadOptions {
  /** Pieces of an answer that are sent before the client has taken the first. */
  readonly piecesAhead: number;
}
