import { labelJoin, labelReplace } from '../../series/label-replace.js';
import { rank } from '../../series/rank.js';
import { vector, type StepSeries } from '../../series/series.js';
import { define, type Arguments, type Entry } from './function.js';

const natural = new Intl.Collator('en', { numeric: true, sensitivity: 'variant', caseFirst: 'upper' });

async function texts(args: Arguments, from: number): Promise<string[]> {
  const out: string[] = [];
  for (let i = from; i < args.count; i++) out.push(await args.text(i));
  return out;
}

/** Natural order (`pod-2` before `pod-10`) of the given labels, then of all labels. */
function byLabels(names: readonly string[], direction: 1 | -1): (a: StepSeries, b: StepSeries) => number {
  return (a, b) => {
    for (const name of names) {
      const order = natural.compare(a.labels.get(name), b.labels.get(name));
      if (order !== 0) return order * direction;
    }
    return a.labels.compare(b.labels) * direction;
  };
}

function sorted(name: string, op: 'topk' | 'bottomk'): Entry {
  return define(name, ['vector'], async (_ctx, args) =>
    vector([...(await args.vector(0))].sort((a, b) => rank(op, a.values[0] ?? NaN, b.values[0] ?? NaN))),
  );
}

function sortedByLabel(name: string, direction: 1 | -1): Entry {
  return define(
    name,
    ['vector', 'string'],
    async (_ctx, args) => vector([...(await args.vector(0))].sort(byLabels(await texts(args, 1), direction))),
    { optional: 1, repeated: true },
  );
}

/** Functions that change or order by labels. */
export const labelFunctions: readonly Entry[] = [
  define(
    'label_join',
    ['vector', 'string', 'string', 'string'],
    async (_ctx, args) => vector(labelJoin(await args.vector(0), await texts(args, 1))),
    { optional: 1, repeated: true },
  ),
  define('label_replace', ['vector', 'string', 'string', 'string', 'string'], async (_ctx, args) =>
    vector(labelReplace(await args.vector(0), await texts(args, 1))),
  ),
  sorted('sort', 'bottomk'),
  sorted('sort_desc', 'topk'),
  sortedByLabel('sort_by_label', 1),
  sortedByLabel('sort_by_label_desc', -1),
];
