import { QueryError } from '../../../lake/query-error.js';
import type { Needle } from '../../../lake/session.js';
import type { Node } from '../grammar/tree.js';
import type { RowLabels } from '../model/labels.js';
import type { Scope } from './scope.js';

/** One log record on its way through a pipeline. */
export interface Row {
  line: string;
  readonly labels: RowLabels;
  /** Nanoseconds since the epoch. */
  readonly timeNs: bigint;
}

/** Why a stage that is well written can't run; whoever compiles stages says which one it is. */
export class StageError extends QueryError {
  constructor(message: string) {
    super('bad_data', message);
  }
}

/** A stage changes the row in place; false drops it. */
export type StageFn = (row: Row) => boolean;

/** The line, or a column. */
export type ValuePlace = Omit<Needle, 'text'>;

/** What a query tells its parsers, so that a line is read no further than it takes. */
export interface Hints {
  /** The only labels that this and later stages read, and what comes after them; undefined: all of them. */
  readonly needed: ReadonlySet<string> | undefined;
  /** A line is read until all of these are found, so that a fault behind them does not count. */
  readonly early: boolean;
  /** By the only label that it reads, the first filter behind; a line that it refuses is dropped before its faults are seen. */
  readonly filters: ReadonlyMap<string, (labels: RowLabels) => boolean>;
}

/** Whether a parser sets what it finds under this name. */
export function isWanted(name: string, labels: RowLabels, hints: Hints | undefined): boolean {
  return hints?.needed === undefined || hints.needed.has(labels.keyOf(name));
}

/** One kind of stage: its syntax, its SQL, its run. */
export interface StageDefinition<S extends { readonly kind: string }> {
  readonly kind: S['kind'];
  /** The grammar's nodes that write it; of `LabelParser` with its keyword: `LabelParser json`. */
  readonly nodes: readonly string[];
  /** What it does to records. */
  readonly work: 'filters' | 'removes labels' | 'parses' | 'formats';
  readonly line: 'unused' | 'read' | 'changed';
  /** It may show the time of a record. */
  readonly readsTime?: true;
  /** Throws QueryError. */
  parse(node: Node): S;
  /** LogQL text that `parse` reads back. */
  format(stage: S): string;
  /** The labels that it reads; undefined when that can't be told. */
  reads(stage: S): readonly string[] | undefined;
  /** What records have which it keeps: one of each list. `place`: where the values of a label are, null when that can't be said. */
  words?(stage: S, place: (name: string) => ValuePlace | null): readonly (readonly Needle[])[];
  /** What it does as SQL. */
  sql(stage: S, scope: Scope): void;
  /** Throws QueryError. */
  compile(stage: S, hints: Hints | undefined): StageFn;
}

export function noLabels(): readonly string[] {
  return [];
}
