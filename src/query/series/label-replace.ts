import { QueryError } from '../../lake/query-error.js';
import { compileRegex, type Dot } from '../text/re2.js';
import { mergeEqual, type StepSeries } from './series.js';

/** Any text but none: label names are UTF-8. */
function checkLabel(name: string, where: string): void {
  if (name === '') {
    throw new QueryError('bad_data', `invalid label name in ${where}: ${JSON.stringify(name)}`);
  }
}

/** Nested calls could double a text each time. */
const longestLabel = 64 * 1024;

function bounded(value: string, where: string): string {
  if (value.length <= longestLabel) return value;
  throw new QueryError('limit', `${where} gives a label of more than ${longestLabel} characters`);
}

/** label_replace: target, replacement, source, pattern; `dot` is the language's. Series may become equal. Throws QueryError. */
export function replacedLabels(
  series: readonly StepSeries[],
  [target = '', template = '', source = '', pattern = '']: readonly string[],
  dot: Dot = 'any',
): StepSeries[] {
  checkLabel(target, 'label_replace()');
  const regex = compileRegex(pattern, dot);
  const names = new Map(Object.entries(regex.namedGroups()));
  return series.map((one) => {
    const matcher = regex.matcher(one.labels.get(source));
    if (!matcher.matches()) return one;
    const group = (name: string): string => {
      const index = /^\d+$/.test(name) ? Number(name) : names.get(name);
      return index === undefined || index > matcher.groupCount() ? '' : (matcher.group(index) ?? '');
    };
    return { ...one, labels: one.labels.with(target, bounded(expand(template, group), 'label_replace()')) };
  });
}

/** As `replacedLabels`, where series that became equal are one. Throws QueryError. */
export function labelReplace(series: readonly StepSeries[], args: readonly string[]): StepSeries[] {
  return mergeEqual(replacedLabels(series, args));
}

/** `$1`, `${1}`, `$name` and `${name}` stand for groups, `$$` for a dollar sign. */
function expand(template: string, group: (name: string) => string): string {
  return template.replace(/\$(?:\$|(\w+)|\{(\w+)\})/g, (text, bare?: string, braced?: string) =>
    text === '$$' ? '$' : group(bare ?? braced ?? ''),
  );
}

/** label_join: target, separator, sources. Throws QueryError. */
export function labelJoin(
  series: readonly StepSeries[],
  [target = '', separator = '', ...sources]: readonly string[],
): StepSeries[] {
  checkLabel(target, 'label_join()');
  return mergeEqual(
    series.map((one) => ({
      ...one,
      labels: one.labels.with(
        target,
        bounded(sources.map((name) => one.labels.get(name)).join(separator), 'label_join()'),
      ),
    })),
  );
}
