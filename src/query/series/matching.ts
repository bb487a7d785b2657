import { checkSize, type SeriesContext } from './context.js';
import { Labels, metadataLabels } from './labels.js';
import { LastNotes } from './last-notes.js';
import {
  keepsName,
  noNative,
  trimOperators,
  type Matching,
  type NativeResult,
  type NativeRules,
  type Operation,
  type PairFunction,
} from './operators.js';
import { anyPresent, emptySeries, mergeEqual, MixedSeries, type StepSeries } from './series.js';
import { StepFaults } from './step-faults.js';

const allLabels: Matching = { on: false, labels: [], cardinality: 'one-to-one', include: [] };

/** The labels that have to be equal for two samples to match. */
export function signatureOf(matching: Matching = allLabels): (labels: Labels) => Labels {
  if (matching.on) {
    const keep = new Set(matching.labels);
    return (labels) => labels.only(keep);
  }
  const drop = new Set([...matching.labels, ...metadataLabels]);
  return (labels) => labels.without(drop);
}

/** All series of one signature, on both sides. `many` is the left side unless group_right. */
interface MatchGroup {
  readonly signature: Labels;
  readonly many: StepSeries[];
  readonly one: StepSeries[];
}

/** Arithmetic and comparisons between two instant vectors. */
export async function matchVectors(
  ctx: SeriesContext,
  operation: Operation,
  left: readonly StepSeries[],
  right: readonly StepSeries[],
  pair: PairFunction,
  native: NativeRules = noNative,
): Promise<StepSeries[]> {
  const matching = operation.matching ?? allLabels;
  const swapped = matching.cardinality === 'one-to-many';
  const [many, one] = swapped ? [right, left] : [left, right];
  const fill = swapped
    ? { many: matching.fillRight, one: matching.fillLeft }
    : { many: matching.fillLeft, one: matching.fillRight };
  const trims = trimOperators.has(operation.op);
  const apply: Pairs = {
    trims,
    number: swapped ? (a, b) => pair(b, a) : pair,
    native: swapped ? (a, b) => native.pair(b, a) : (a, b) => native.pair(a, b),
  };
  const labelsOf = resultLabels(operation, matching);
  const steps = ctx.grid.count;
  const manyAny = stepsWithAny(many, steps);
  const filled = fill.many !== undefined || fill.one !== undefined;
  const faults = new StepFaults();
  const notes = new LastNotes(native);
  const order = new Map(many.map((series, i) => [series, i]));
  const out: StepSeries[] = [];
  for (const group of groups(signatureOf(matching), many, one)) {
    if (ctx.yielder.due) await ctx.yielder.pause();
    findDuplicates(group, matching, (k) => filled || manyAny[k] === 1, swapped ? 'left' : 'right', faults);
    const matched = new Uint8Array(steps);
    const results = new Results(matching, faults, notes);
    for (const a of group.many) {
      for (const b of withFill(group.one, group.many, fill.one, group.signature, steps)) {
        if (ctx.yielder.due) await ctx.yielder.pause();
        results.add(labelsOf(a.labels, b.labels), a, b, apply, matched, order.get(a) ?? 0);
      }
    }
    if (fill.many !== undefined) {
      const standIn = unmatched(group, matched, fill.many, steps);
      for (const b of group.one) {
        results.add(labelsOf(group.signature, b.labels), standIn, b, apply, matched, many.length);
      }
    }
    out.push(...results.series());
    checkSize(ctx, out.length);
  }
  faults.refuse();
  notes.tell();
  return mergeEqual(out);
}

/** Stands for the "many" side with a number, at the steps at which nothing was matched. */
function unmatched({ signature }: MatchGroup, matched: Uint8Array, fill: number, steps: number): StepSeries {
  const standIn = emptySeries(signature, steps);
  for (let k = 0; k < steps; k++) {
    if (matched[k]) continue;
    standIn.values[k] = fill;
    standIn.present[k] = 1;
  }
  return standIn;
}

function groups(
  signature: (labels: Labels) => Labels,
  many: readonly StepSeries[],
  one: readonly StepSeries[],
): MatchGroup[] {
  const byKey = new Map<string, MatchGroup>();
  const of = (labels: Labels): MatchGroup => {
    const own = signature(labels);
    const known = byKey.get(own.key);
    if (known) return known;
    const created = { signature: own, many: [], one: [] };
    byKey.set(own.key, created);
    return created;
  };
  for (const series of many) of(series.labels).many.push(series);
  for (const series of one) of(series.labels).one.push(series);
  return [...byKey.values()];
}

function stepsWithAny(series: readonly StepSeries[], steps: number): Uint8Array {
  const any = new Uint8Array(steps);
  for (const one of series) for (let k = 0; k < steps; k++) any[k] = (any[k] ?? 0) | (one.present[k] ?? 0);
  return any;
}

function findDuplicates(
  { one, signature }: MatchGroup,
  matching: Matching,
  counts: (step: number) => boolean,
  side: 'left' | 'right',
  faults: StepFaults,
): void {
  if (one.length < 2) return;
  const owner = new Int32Array(one[0]?.present.length ?? 0).fill(-1);
  one.forEach((series, i) => {
    for (let k = 0; k < owner.length; k++) {
      if (!series.present[k] || !counts(k)) continue;
      const before = one[owner[k] ?? -1];
      if (before) {
        faults.add(k, 0, () => {
          const group = matching.on ? signature : signature.withoutName();
          const both = [before.labels.toString(), series.labels.toString()].sort().join(', ');
          return (
            `found duplicate series for the match group ${group.toString()} on the ${side} hand-side of the operation: ` +
            `[${both}];many-to-many matching not allowed: matching labels must be unique on one side`
          );
        });
        return;
      }
      owner[k] = i;
    }
  });
}

/** The series of one side, and a stand-in with the fill value for steps at which only the other side has samples. */
function withFill(
  own: readonly StepSeries[],
  other: readonly StepSeries[],
  fill: number | undefined,
  signature: Labels,
  steps: number,
): readonly StepSeries[] {
  if (fill === undefined) return own;
  const [present, wanted] = [stepsWithAny(own, steps), stepsWithAny(other, steps)];
  const standIn = emptySeries(signature, steps);
  for (let k = 0; k < steps; k++) {
    if (present[k] || !wanted[k]) continue;
    standIn.values[k] = fill;
    standIn.present[k] = 1;
  }
  return anyPresent(standIn) ? [...own, standIn] : own;
}

/** Result labels: those of the "many" side, reduced to the matching ones when one-to-one, plus the included ones. */
function resultLabels(operation: Operation, matching: Matching): (many: Labels, one: Labels) => Labels {
  const dropName = !keepsName(operation);
  const listed = new Set(matching.labels);
  return (many, one) => {
    let labels = dropName ? many.withoutName() : many;
    if (matching.cardinality === 'one-to-one')
      labels = matching.on ? labels.only(listed) : labels.without(listed);
    if (matching.include.length === 0) return labels;
    return Labels.of([
      ...labels.entries(),
      ...matching.include.map((given): [string, string] => {
        const name = one.named(given);
        return [name, one.get(name)];
      }),
    ]);
  };
}

interface Pairs {
  /** Numbers, too, are told to be no histograms. */
  readonly trims: boolean;
  readonly number: PairFunction;
  readonly native: NativeRules['pair'];
}

/** Results of one signature by their labels; a step can hold each label set once. */
class Results {
  readonly #byKey = new Map<string, { series: MixedSeries; taken: Uint8Array }>();

  constructor(
    private readonly matching: Matching,
    private readonly faults: StepFaults,
    private readonly notes: LastNotes,
  ) {}

  /** `order`: where `a` is among the series of its side. */
  add(labels: Labels, a: StepSeries, b: StepSeries, apply: Pairs, matched: Uint8Array, order: number): void {
    const steps = matched.length;
    const oneToOne = this.matching.cardinality === 'one-to-one';
    let entry = this.#byKey.get(labels.key);
    for (let k = 0; k < steps; k++) {
      if (!a.present[k] || !b.present[k]) continue;
      const left = a.histograms?.[k] ?? a.values[k] ?? NaN;
      const right = b.histograms?.[k] ?? b.values[k] ?? NaN;
      const result: NativeResult | undefined =
        apply.trims || typeof left !== 'number' || typeof right !== 'number'
          ? apply.native(left, right)
          : undefined;
      if (result?.note) this.notes.add(k, order, result.note);
      if (result?.refused) continue;
      if (oneToOne && matched[k]) {
        const why =
          'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)';
        this.faults.add(k, 1 + order, () => why);
        continue;
      }
      if (!entry) {
        entry = { series: new MixedSeries(labels, steps), taken: new Uint8Array(steps) };
        this.#byKey.set(labels.key, entry);
      }
      if (entry.taken[k]) {
        const why = 'multiple matches for labels: grouping labels must ensure unique matches';
        this.faults.add(k, 1 + order, () => why);
        continue;
      }
      matched[k] = 1;
      entry.taken[k] = 1;
      const value = result ? result.value : apply.number(left as number, right as number);
      if (value !== undefined) entry.series.set(k, value);
    }
  }

  series(): StepSeries[] {
    return [...this.#byKey.values()].map((entry) => entry.series.series).filter(anyPresent);
  }
}
