import { goQuote } from './go-quote.js';

const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n];

/** A whole number of 64 bits as Go's strconv reads it; of any other text what Go's function of this name says. */
export function goInteger(text: string, name: 'Atoi' | 'ParseInt'): bigint | { readonly fault: string } {
  const fault = (why: string) => ({
    fault: `strconv.${name}: parsing ${goQuote(text.slice(0, 100))}: ${why}`,
  });
  if (!/^[+-]?\d+$/.test(text)) return fault('invalid syntax');
  // 20 digits at most make a number of 64 bits, leading zeros aside.
  const value = /^[+-]?0*\d{1,20}$/.test(text) ? BigInt(text.replace('+', '')) : undefined;
  return value === undefined || value < least || value > most ? fault('value out of range') : value;
}
