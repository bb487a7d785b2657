import { checkSize, evaluationError, type SeriesContext } from './context.js';
import { Labels, metricName } from './labels.js';
import { keepsName, type Matching, type NativePair, type Operation, type PairFunction } from './operators.js';
import { anyPresent, emptySeries, mergeEqual, MixedSeries, type StepSeries } from './series.js';

const allLabels: Matching = { on: false, labels: [], cardinality: 'one-to-one', include: [] };

/** The labels that have to be equal for two samples to match. */
export function signatureOf(matching: Matching = allLabels): (labels: Labels) => Labels {
  if (matching.on) {
    const keep = new Set(matching.labels);
    return (labels) => labels.only(keep);
  }
  const drop = new Set([...matching.labels, metricName]);
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
  native: NativePair = () => undefined,
): Promise<StepSeries[]> {
  const matching = operation.matching ?? allLabels;
  const swapped = matching.cardinality === 'one-to-many';
  const [many, one] = swapped ? [right, left] : [left, right];
  const fill = swapped
    ? { many: matching.fillRight, one: matching.fillLeft }
    : { many: matching.fillLeft, one: matching.fillRight };
  const apply: Pairs = swapped
    ? { number: (a, b) => pair(b, a), native: (a, b) => native(b, a) }
    : { number: pair, native };
  const labelsOf = resultLabels(operation, matching);
  const steps = ctx.grid.count;
  const manyAny = stepsWithAny(many, steps);
  const out: StepSeries[] = [];
  for (const group of groups(signatureOf(matching), many, one)) {
    if (ctx.yielder.due) await ctx.yielder.pause();
    refuseDuplicates(
      group,
      matching,
      (k) => manyAny[k] === 1 || fill.many !== undefined,
      swapped ? 'left' : 'right',
    );
    const matched = new Uint8Array(steps);
    const results = new Results(matching);
    for (const a of withFill(group.many, group.one, fill.many, group.signature, steps)) {
      for (const b of withFill(group.one, group.many, fill.one, group.signature, steps)) {
        if (ctx.yielder.due) await ctx.yielder.pause();
        results.add(labelsOf(a.labels, b.labels), a, b, apply, matched);
      }
    }
    out.push(...results.series());
    checkSize(ctx, out.length);
  }
  return mergeEqual(out);
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

function refuseDuplicates(
  { one, signature }: MatchGroup,
  matching: Matching,
  counts: (step: number) => boolean,
  side: 'left' | 'right',
): void {
  if (one.length < 2) return;
  const owner = new Int32Array(one[0]?.present.length ?? 0).fill(-1);
  one.forEach((series, i) => {
    for (let k = 0; k < owner.length; k++) {
      if (!series.present[k] || !counts(k)) continue;
      const before = one[owner[k] ?? -1];
      if (before) {
        const group = matching.on ? signature : signature.withoutName();
        const both = [before.labels.toString(), series.labels.toString()].sort().join(', ');
        throw evaluationError(
          `found duplicate series for the match group ${group.toString()} on the ${side} hand-side of the operation: ` +
            `[${both}];many-to-many matching not allowed: matching labels must be unique on one side`,
        );
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
  readonly number: PairFunction;
  readonly native: NativePair;
}

/** Results of one signature by their labels; a step can hold each label set once. */
class Results {
  readonly #byKey = new Map<string, { series: MixedSeries; taken: Uint8Array }>();

  constructor(private readonly matching: Matching) {}

  add(labels: Labels, a: StepSeries, b: StepSeries, apply: Pairs, matched: Uint8Array): void {
    const steps = matched.length;
    let entry = this.#byKey.get(labels.key);
    for (let k = 0; k < steps; k++) {
      if (!a.present[k] || !b.present[k]) continue;
      if (this.matching.cardinality === 'one-to-one') {
        if (matched[k]) {
          throw evaluationError(
            'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)',
          );
        }
        matched[k] = 1;
      }
      if (!entry) {
        entry = { series: new MixedSeries(labels, steps), taken: new Uint8Array(steps) };
        this.#byKey.set(labels.key, entry);
      }
      if (entry.taken[k]) {
        throw evaluationError('multiple matches for labels: grouping labels must ensure unique matches');
      }
      entry.taken[k] = 1;
      const left = a.histograms?.[k] ?? a.values[k] ?? NaN;
      const right = b.histograms?.[k] ?? b.values[k] ?? NaN;
      const value =
        typeof left === 'number' && typeof right === 'number'
          ? apply.number(left, right)
          : apply.native(left, right);
      if (value !== undefined) entry.series.set(k, value);
    }
  }

  series(): StepSeries[] {
    return [...this.#byKey.values()].map((entry) => entry.series.series).filter(anyPresent);
  }
}
