import { compileMatcher } from '../../series/matchers.js';
import { comparisons } from '../../series/operators.js';
import type { LabelFilter, LineFilter } from '../syntax/ast.js';
import { parseBytes, parseDuration, parseNumber } from '../syntax/units.js';
import { ipLineMatcher, ipMatcher } from './ip.js';
import { errorLabel, type RowLabels } from './labels.js';
import { patternMatcher } from './pattern.js';
import { compileRegex } from '../../text/re2.js';
import type { StageFn } from './row.js';

const labelFilterError = 'LabelFilterErr';

export function lineFilterStage(filter: LineFilter): StageFn {
  const tests = filter.any.map(({ value, ip }): ((line: string) => boolean) => {
    if (ip) return ipLineMatcher(value);
    if (filter.op === '|>' || filter.op === '!>') return patternMatcher(value);
    if (filter.op === '|=' || filter.op === '!=') return (line) => line.includes(value);
    const regex = compileRegex(value);
    return (line) => regex.test(line);
  });
  const positive = filter.op.startsWith('|');
  return (row) => tests.some((test) => test(row.line)) === positive;
}

const parsers = { number: parseNumber, duration: parseDuration, bytes: parseBytes } as const;

function test(filter: LabelFilter): (labels: RowLabels) => boolean {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const [left, right] = [test(filter.left), test(filter.right)];
      return filter.kind === 'and'
        ? (labels) => left(labels) && right(labels)
        : (labels) => left(labels) || right(labels);
    }
    case 'match': {
      const matches = compileMatcher(filter.matcher, 'not newline').matches;
      const { name } = filter.matcher;
      return (labels) => matches(labels.get(name) ?? '');
    }
    case 'ip': {
      const matches = ipMatcher(filter.value);
      return (labels) => {
        const value = labels.get(filter.name);
        return value !== undefined && matches(value) === (filter.op === '=');
      };
    }
    default: {
      const { kind, name, op, value: bound } = filter;
      const parse = parsers[kind];
      const holds = comparisons.get(op) ?? (() => false);
      return (labels) => {
        const value = labels.get(name);
        if (value === undefined || labels.get(errorLabel)) return value !== undefined;
        const parsed = parse(value);
        // A value that can not be compared is kept and marked, so that it is not lost without a trace.
        if (parsed === undefined)
          labels.fail(labelFilterError, `${name} is not a ${kind}: ${value.slice(0, 100)}`);
        return parsed === undefined || holds(parsed, bound);
      };
    }
  }
}

export function labelFilterStage(filter: LabelFilter): StageFn {
  const passes = test(filter);
  return (row) => passes(row.labels);
}
