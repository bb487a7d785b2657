import type { Notes } from '../../series/context.js';
import { combined, divided, sameHistogram, scaled } from '../../series/histograms/arithmetic.js';
import type { Histogram } from '../../series/histograms/histogram.js';
import { trimmed } from '../../series/histograms/trim.js';
import type { NativePair } from '../../series/operators.js';
import type { Binary } from '../syntax/ast.js';

/** What a binary operator does where one of two samples is a native histogram, or both are. */
export function nativePair(notes: Notes, { op, bool, from }: Binary): NativePair {
  const refuse = (left: string, right: string): undefined => {
    const types = `${left} ${op} ${right}`;
    notes.info(
      `incompatible sample types encountered for binary operator ${JSON.stringify(op)}: ${types}`,
      from,
    );
    return undefined;
  };
  const both = (left: Histogram, right: Histogram): number | Histogram | undefined => {
    if (op === '==' || op === '!=') {
      const keep = sameHistogram(left, right) === (op === '==');
      return bool ? Number(keep) : keep ? left : undefined;
    }
    if (op !== '+' && op !== '-') return refuse('histogram', 'histogram');
    const result = combined(left, right, op === '+' ? 1 : -1);
    if (!result) {
      notes.warn(`incompatible bucket layout encountered for binary operator ${op}`, from);
      return undefined;
    }
    if (result.reconciled) {
      const during = op === '+' ? 'addition' : 'subtraction';
      notes.info(`mismatched custom buckets were reconciled during ${during}`, from);
    }
    return op === '+' ? result.histogram : { ...result.histogram, gauge: true };
  };
  return (left, right) => {
    if (typeof left === 'number') {
      if (typeof right === 'number') return undefined;
      return op === '*' ? scaled(right, left) : refuse('float', 'histogram');
    }
    if (typeof right !== 'number') return both(left, right);
    switch (op) {
      case '*':
        return scaled(left, right);
      case '/':
        return divided(left, right);
      case '</':
        return trimmed(left, right, 'upper');
      case '>/':
        return trimmed(left, right, 'lower');
      default:
        return refuse('histogram', 'float');
    }
  };
}
