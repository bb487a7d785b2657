import { parseDuration, prometheusDuration } from '../../text/durations.js';

/** A number or duration literal (decimal, hexadecimal, octal, Inf, NaN, `5m`), signed or not; undefined when it is neither. */
export function literalNumber(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  const digits = text.replace(/^[+-]\s*/, '');
  if (/^inf$/i.test(digits)) return sign * Infinity;
  if (/^nan$/i.test(digits)) return NaN;
  if (/^0x[0-9a-f]+$/i.test(digits)) return sign * Number(digits);
  if (/^0[0-7]+$/.test(digits)) return sign * parseInt(digits, 8);
  if (/^(\d+(_?\d+)*(\.\d+(_?\d+)*)?|\.\d+(_?\d+)*)(e[+-]?\d+(_?\d+)*)?$/i.test(digits)) {
    return sign * Number(digits.replaceAll('_', ''));
  }
  const nanoseconds = parseDuration(digits, prometheusDuration);
  return nanoseconds === undefined ? undefined : (sign * Number(nanoseconds / 1_000_000n)) / 1000;
}
