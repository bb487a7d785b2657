import type { Notes } from '../../series/context.js';
import { combined, divided, sameHistogram, scaled } from '../../series/histograms/arithmetic.js';
import type { Histogram } from '../../series/histograms/histogram.js';
import { trimmed } from '../../series/histograms/trim.js';
import type { NativeResult, NativeRules } from '../../series/operators.js';
import type { Binary } from '../syntax/ast.js';

/** What a binary operator does where one of two samples is a native histogram, or both are. */
export function nativePair(notes: Notes, { op, bool, from }: Binary): NativeRules {
  const refuse = (left: string, right: string): NativeResult => {
    const types = `${left} ${op} ${right}`;
    const text = `incompatible sample types encountered for binary operator ${JSON.stringify(op)}: ${types}`;
    return { refused: true, note: { kind: 'info', text } };
  };
  const both = (left: Histogram, right: Histogram): NativeResult => {
    if (op === '==' || op === '!=') {
      const keep = sameHistogram(left, right) === (op === '==');
      return bool ? { value: Number(keep) } : keep ? { value: left } : {};
    }
    if (op !== '+' && op !== '-') return refuse('histogram', 'histogram');
    const result = combined(left, right, op === '+' ? 1 : -1);
    if (!result) {
      const text = `incompatible bucket layout encountered for binary operator ${op}`;
      return { refused: true, note: { kind: 'warn', text } };
    }
    const during = op === '+' ? 'addition' : 'subtraction';
    if (result.collided) {
      return {
        refused: true,
        note: { kind: 'warn', text: `conflicting counter resets during histogram ${during}` },
      };
    }
    const value: Histogram = op === '+' ? result.histogram : { ...result.histogram, gauge: true };
    if (!result.reconciled) return { value };
    return {
      value,
      note: { kind: 'info', text: `mismatched custom buckets were reconciled during ${during}` },
    };
  };
  const pair = (left: number | Histogram, right: number | Histogram): NativeResult => {
    if (typeof left === 'number') {
      if (typeof right === 'number') return refuse('float', 'float');
      return op === '*' ? { value: scaled(right, left) } : refuse('float', 'histogram');
    }
    if (typeof right !== 'number') return both(left, right);
    switch (op) {
      case '*':
        return { value: scaled(left, right) };
      case '/':
        return { value: divided(left, right) };
      case '</':
        return { value: trimmed(left, right, 'upper') };
      case '>/':
        return { value: trimmed(left, right, 'lower') };
      default:
        return refuse('histogram', 'float');
    }
  };
  return { pair, tell: ({ kind, text }) => notes[kind](text, from) };
}
