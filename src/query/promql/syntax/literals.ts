import { simpleEscapes } from '../../text/escapes.js';
import { QueryError } from '../../../lake/query-error.js';

const unitSeconds: Record<string, number> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  y: 31_536_000,
};

/** `1h30m` in seconds; undefined when the text is no duration. */
export function durationSeconds(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$/.test(text) || text === '') return undefined;
  let milliseconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|[ywdhms])/g)) {
    milliseconds += Number(amount) * Math.round((unitSeconds[unit ?? ''] ?? 0) * 1000);
  }
  return milliseconds / 1000;
}

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
  const seconds = durationSeconds(digits);
  return seconds === undefined ? undefined : sign * seconds;
}

/** The value of a quoted string: backslash escapes in '…' and "…", none in backquotes. */
export function unquote(quoted: string): string {
  const quote = quoted[0] ?? '';
  if (quoted.length < 2 || !quoted.endsWith(quote)) {
    throw new QueryError('bad_data', 'unterminated quoted string');
  }
  const body = quoted.slice(1, -1);
  if (quote === '`') return body;
  if (body.includes('\n')) throw new QueryError('bad_data', 'unterminated quoted string');
  const bytes: Buffer[] = [];
  const pattern = /\\(?:([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]|$))|[^\\]+/g;
  for (const [text, octal, hex, short, long, plain] of body.matchAll(pattern)) {
    if (octal !== undefined || hex !== undefined) {
      bytes.push(Buffer.from([parseInt(octal ?? hex ?? '', octal === undefined ? 16 : 8) & 0xff]));
    } else if (short !== undefined || long !== undefined) {
      const point = parseInt(short ?? long ?? '', 16);
      if (point > 0x10ffff) throw new QueryError('bad_data', `${text} in a string is no Unicode character`);
      bytes.push(Buffer.from(String.fromCodePoint(point)));
    } else if (plain !== undefined) {
      const char = simpleEscapes[plain];
      if (char === undefined || ((plain === '"' || plain === "'") && plain !== quote)) {
        throw new QueryError('bad_data', `unknown escape sequence ${text} in a string`);
      }
      bytes.push(Buffer.from(char));
    } else {
      bytes.push(Buffer.from(text));
    }
  }
  return Buffer.concat(bytes).toString('utf8');
}
