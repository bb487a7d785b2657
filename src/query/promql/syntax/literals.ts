import { goQuote } from '../../text/go-quote.js';

/** A number as Go reads it in any base (`0x1F`, `017`, `1_000.5`, `Inf`); undefined when it is none. */
export function literalNumber(text: string): number | undefined {
  if (/^inf$/i.test(text)) return Infinity;
  if (/^nan$/i.test(text)) return NaN;
  const whole = text.replaceAll('_', '');
  if (!/^(0[xX]_?[\da-fA-F]|[\d.])/.test(text) || /__|_$|\._|_\./.test(text)) return undefined;
  if (/^0x[\da-f]+$/i.test(whole)) return BigInt(whole) < 1n << 63n ? Number(whole) : undefined;
  if (/^0[0-7]+$/.test(whole)) {
    const octal = parseInt(whole, 8);
    if (octal < 2 ** 63) return octal;
  }
  if (!/^(\d+(?:\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(whole)) return undefined;
  const value = Number(whole);
  return Number.isFinite(value) ? value : undefined;
}

/** What Go says of a number that is none. */
export function numberFault(text: string): string {
  const isTooLarge = /^(\d+(?:\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text);
  return `error parsing number: strconv.ParseFloat: parsing ${goQuote(text)}: ${isTooLarge ? 'value out of range' : 'invalid syntax'}`;
}

const units: ReadonlyMap<string, readonly [order: number, ms: bigint]> = new Map([
  ['y', [1, 31_536_000_000n]],
  ['w', [2, 604_800_000n]],
  ['d', [3, 86_400_000n]],
  ['h', [4, 3_600_000n]],
  ['m', [5, 60_000n]],
  ['s', [6, 1000n]],
  ['ms', [7, 1n]],
]);
const mostNanoseconds = (1n << 63n) - 1n;

/** Seconds of a duration, or what is wrong with it. */
export function literalDuration(text: string): number | { readonly fault: string } {
  let [total, last] = [0n, 0];
  const invalid = { fault: `not a valid duration string: ${goQuote(text)}` };
  for (const [, digits = '', unit = ''] of text.matchAll(/(\d*)(\D*)/g)) {
    if (digits === '' && unit === '') break;
    const [order, ms] = units.get(unit) ?? [];
    if (digits === '' || unit === '' || BigInt(digits) >= 1n << 64n) return invalid;
    if (order === undefined || ms === undefined)
      return { fault: `unknown unit ${goQuote(unit)} in duration ${goQuote(text)}` };
    if (order <= last) return invalid;
    last = order;
    total += BigInt(digits) * ms * 1_000_000n;
    if (total > mostNanoseconds) return { fault: 'duration out of range' };
  }
  return Number(total / 1_000_000n) / 1000;
}
