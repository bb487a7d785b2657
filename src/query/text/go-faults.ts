/** What Go's packages of times and numbers say of texts that they can't read. */

import { goQuote } from './go-quote.js';

const goUnits: ReadonlySet<string> = new Set(['ns', 'us', 'µs', 'μs', 'ms', 's', 'm', 'h']);
/** So much of a text is shown. */
const shown = 100;

/** As Go's package of times quotes: bytes of what is not printable ASCII in hexadecimal. */
function timeQuote(text: string): string {
  const quoted = text
    .slice(0, shown)
    .replaceAll(/["\\]|[^ -\x7f]/gu, (char) =>
      /["\\]/.test(char)
        ? `\\${char}`
        : [...Buffer.from(char)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
    );
  return `"${quoted}"`;
}

/** Of a text that is no duration to `time.ParseDuration`. */
export function durationFault(text: string): string {
  const part = /(?:\d+(?:\.\d*)?|\.\d+)([^\d.]*)/y;
  part.lastIndex = /^[+-]/.test(text) ? 1 : 0;
  do {
    const unit = part.exec(text)?.[1];
    if (unit === undefined) break;
    if (unit === '') return `time: missing unit in duration ${timeQuote(text)}`;
    if (!goUnits.has(unit)) return `time: unknown unit ${timeQuote(unit)} in duration ${timeQuote(text)}`;
  } while (part.lastIndex < text.length);
  return `time: invalid duration ${timeQuote(text)}`;
}

/** Of a text that is no whole number, or none of its width, to a function of `strconv`. */
export function integerFault(reader: 'Atoi' | 'ParseInt', text: string): string {
  const why = /^[+-]?\d+$/.test(text) ? 'value out of range' : 'invalid syntax';
  return `strconv.${reader}: parsing ${goQuote(text.slice(0, shown))}: ${why}`;
}
