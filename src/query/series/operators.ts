import type { Histogram } from './histograms/histogram.js';

/** Arithmetic on two samples. */
export type Arithmetic = ReadonlyMap<string, (left: number, right: number) => number>;

/** IEEE 754, as Go's math package has it. A language with other rules puts its own in place. */
export const arithmetic: Arithmetic = new Map([
  ['+', (a: number, b: number) => a + b],
  ['-', (a: number, b: number) => a - b],
  ['*', (a: number, b: number) => a * b],
  ['/', (a: number, b: number) => a / b],
  ['%', (a: number, b: number) => a % b],
  ['^', power],
  ['atan2', Math.atan2],
]);

export const comparisons: ReadonlyMap<string, (left: number, right: number) => boolean> = new Map([
  ['==', (a: number, b: number) => a === b],
  ['!=', (a: number, b: number) => a !== b],
  ['>', (a: number, b: number) => a > b],
  ['<', (a: number, b: number) => a < b],
  ['>=', (a: number, b: number) => a >= b],
  ['<=', (a: number, b: number) => a <= b],
]);

/** Cut a native histogram off above or below a number. */
export const trimOperators: ReadonlySet<string> = new Set(['</', '>/']);

/** Whether the result of an operation is still a sample of the metric itself. */
export function keepsName({ op, bool }: Pick<Operation, 'op' | 'bool'>): boolean {
  return !bool && (comparisons.has(op) || trimOperators.has(op));
}

export const setOperators: ReadonlySet<string> = new Set(['and', 'or', 'unless']);

/** C's pow, where JavaScript differs: 1 to any power is 1, and -1 to an infinite power too. */
function power(base: number, exponent: number): number {
  return base === 1 || (base === -1 && !Number.isFinite(exponent) && !Number.isNaN(exponent))
    ? 1
    : base ** exponent;
}

/** How tight the operators bind; only `^` groups to the right. */
export const precedence: ReadonlyMap<string, number> = new Map([
  ['or', 1],
  ['and', 2],
  ['unless', 2],
  ['==', 3],
  ['!=', 3],
  ['<=', 3],
  ['</', 3],
  ['>/', 3],
  ['<', 3],
  ['>=', 3],
  ['>', 3],
  ['+', 4],
  ['-', 4],
  ['*', 5],
  ['/', 5],
  ['%', 5],
  ['atan2', 5],
  ['^', 6],
]);

type Cardinality = 'one-to-one' | 'many-to-one' | 'one-to-many';

/** Which series of two vectors belong together. */
export interface Matching {
  /** `on` lists the labels to match by; otherwise they are the ones to ignore. */
  readonly on: boolean;
  readonly labels: readonly string[];
  readonly cardinality: Cardinality;
  /** Labels that group_left/group_right copies from the "one" side. */
  readonly include: readonly string[];
  readonly fillLeft?: number;
  readonly fillRight?: number;
}

/** A binary operation on values; `matching` is set when written out, without it all labels have to be equal. */
export interface Operation {
  readonly op: string;
  /** A comparison gives 0 or 1 instead of filtering. */
  readonly bool: boolean;
  readonly matching?: Matching;
}

/** What a pair of samples gives that plain arithmetic knows nothing of. */
export interface NativeResult {
  /** Undefined when a comparison filters it out, or it is refused. */
  readonly value?: number | Histogram;
  /** The operator has no meaning for the two: they do not even count as matched. */
  readonly refused?: true;
  readonly note?: { readonly kind: 'warn' | 'info'; readonly text: string };
}

/** The operation where one of the samples, or both, are native histograms, and where numbers are trimmed. */
export interface NativeRules {
  pair(left: number | Histogram, right: number | Histogram): NativeResult;
  /** Tells what is to be said of the pairs of a step: of several the last. */
  tell(note: NonNullable<NativeResult['note']>): void;
}

export const noNative: NativeRules = { pair: () => ({}), tell: () => undefined };

/** Gives the result of one pair of samples, or undefined when a comparison filters it out. */
export type PairFunction = (left: number, right: number) => number | undefined;

export function pairFunction({ op, bool }: Operation, rules: Arithmetic): PairFunction {
  const apply = rules.get(op);
  if (apply) return apply;
  const test = comparisons.get(op) ?? (() => false);
  return bool ? (a, b) => (test(a, b) ? 1 : 0) : (a, b) => (test(a, b) ? a : undefined);
}
