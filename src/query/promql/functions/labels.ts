import { QueryError } from '../../../lake/query-error.js';
import { evaluationError } from '../../series/context.js';
import { labelJoin, labelReplace } from '../../series/label-replace.js';
import { rank } from '../../series/rank.js';
import { anyPresent, floatsOnly, vector, type StepSeries } from '../../series/series.js';
import { hasNoLooseBytes, withoutLooseBytes } from '../../text/loose-bytes.js';
import { naturalOrder } from '../../text/natural-order.js';
import { compileRegex } from '../../text/re2.js';
import { define, type Arguments, type Entry, type FunctionContext } from './function.js';

async function texts(args: Arguments, from: number): Promise<string[]> {
  const out: string[] = [];
  for (let i = from; i < args.count; i++) out.push(await args.text(i));
  return out;
}

/** Natural order (`pod-2` before `pod-10`) of the given labels, then of all labels. */
function byLabels(names: readonly string[], direction: 1 | -1): (a: StepSeries, b: StepSeries) => number {
  return (a, b) => {
    for (const name of names) {
      const order = naturalOrder(a.labels.get(name), b.labels.get(name));
      if (order !== 0) return order * direction;
    }
    return a.labels.compare(b.labels) * direction;
  };
}

/** The series of a range query are in the order of their labels, whatever is done. */
function isIneffective({ grid, notes }: FunctionContext, args: Arguments): boolean {
  if (grid.count === 1) return false;
  notes.warn('sort is ineffective for range queries since results are always ordered by labels', args.start);
  return true;
}

function sorted(name: string, op: 'topk' | 'bottomk'): Entry {
  return define(name, ['vector'], async (ctx, args) => {
    const numbers = (await args.vector(0)).map(floatsOnly).filter(anyPresent);
    if (isIneffective(ctx, args)) return vector(numbers);
    return vector(numbers.sort((a, b) => rank(op, a.values[0] ?? NaN, b.values[0] ?? NaN)));
  });
}

function sortedByLabel(name: string, direction: 1 | -1): Entry {
  return define(
    name,
    ['vector', 'string'],
    async (ctx, args) => {
      const series = await args.vector(0);
      if (isIneffective(ctx, args)) return vector(series);
      return vector([...series].sort(byLabels(await texts(args, 1), direction)));
    },
    { optional: 1, repeated: true },
  );
}

/** Texts are looked at when the query runs, so what is wrong with them is an error of its execution. */
function needLabel(name: string, what: string): void {
  if (name === '' || !hasNoLooseBytes(name))
    throw evaluationError(`invalid ${what}: ${withoutLooseBytes(name)}`);
}

function needPattern(pattern: string): void {
  try {
    if (hasNoLooseBytes(pattern)) return void compileRegex(pattern, 'any');
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
  }
  const shown = withoutLooseBytes(pattern.slice(0, 1000));
  throw evaluationError(`invalid regular expression in label_replace(): ${shown}`);
}

/** Functions that change or order by labels. */
export const labelFunctions: readonly Entry[] = [
  define(
    'label_join',
    ['vector', 'string', 'string', 'string'],
    async (_ctx, args) => {
      const [series, given] = [await args.vector(0), await texts(args, 1)];
      const [target = '', , ...sources] = given;
      for (const source of sources) needLabel(source, 'source label name in label_join()');
      needLabel(target, 'destination label name in label_join()');
      return vector(labelJoin(series, given.map(withoutLooseBytes)));
    },
    { optional: 1, repeated: true },
  ),
  define('label_replace', ['vector', 'string', 'string', 'string', 'string'], async (_ctx, args) => {
    const [series, given] = [await args.vector(0), await texts(args, 1)];
    const [target = '', , , pattern = ''] = given;
    needPattern(pattern);
    needLabel(target, 'destination label name in label_replace()');
    return vector(labelReplace(series, given.map(withoutLooseBytes)));
  }),
  sorted('sort', 'bottomk'),
  sorted('sort_desc', 'topk'),
  sortedByLabel('sort_by_label', 1),
  sortedByLabel('sort_by_label_desc', -1),
];
