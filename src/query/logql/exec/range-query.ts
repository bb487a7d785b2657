import { QueryError } from '../../../lake/query-error.js';
import type { Grouping } from '../../series/aggregate.js';
import type { MetadataWindow } from '../../sql/metadata.js';
import type { AttributeKeys } from '../model/attributes.js';
import type { PipelineSql } from '../pipeline/scope.js';
import type { Stage } from '../stages/index.js';
import type { RangeExpr } from '../syntax/ast.js';
import type { Aggregator } from '../range/aggregator.js';
import type { Buckets } from './windows.js';

/** The series of the greatest or the least values. */
export interface Ranked {
  readonly op: 'topk' | 'bottomk';
  readonly count: number;
}

/** What a range aggregation reads and makes of it; shared by the way in SQL and the one record by record. */
export interface RangeQuery {
  readonly expr: RangeExpr;
  readonly stages: readonly Stage[];
  /** Of the rows that are read. */
  readonly keys: AttributeKeys;
  readonly pipeline: PipelineSql;
  /** Conditions on records, time included. */
  readonly where: readonly string[];
  /** The same where the rows are read from elsewhere. */
  readonly over: (keys: AttributeKeys) => Pick<RangeQuery, 'keys' | 'pipeline' | 'where'>;
  /** All of the time that is read. */
  readonly window: MetadataWindow;
  readonly grouping: Grouping | undefined;
  /** As in Loki, lines are read no further than to the labels of the grouping and of filters. */
  readonly early: boolean;
  /** Of the groups, only these are of use, and those that are equal to the last of them. */
  readonly wanted: Ranked | undefined;
  readonly aggregator: Aggregator<unknown>;
  readonly buckets: Buckets;
  /** Of use only if each record is a series of its own. */
  readonly singles?: boolean;
  /** The instant before the first window, nanoseconds since the epoch. */
  readonly origin: bigint;
  /** Most series that are held while they are put together. */
  readonly maxSeries: number;
}

/** A metric query does not skip records with errors by itself. In the words of Loki. */
export function pipelineFailed(error: string, series: string): QueryError {
  return new QueryError(
    'bad_data',
    `pipeline error: '${error}' for series: '${series}'.\n` +
      `Use a label filter to intentionally skip this error. (e.g | __error__!="${error}").\n` +
      'To skip all potential errors you can match empty errors.(e.g __error__="")\n' +
      'The label filter can also be specified after unwrap. (e.g | unwrap latency | __error__="" )\n',
  );
}
