import { goQuote } from '../../text/go-quote.js';
import { TemplateError } from './value.js';

/** A text as it stands in the query of a URL. */
export function escapeUrl(value: string): string {
  const form = new URLSearchParams({ v: value }).toString().slice(2);
  // Go takes `~` for a character that needs no escape, and `*` for one that does.
  return form.replaceAll('*', '%2A').replaceAll('%7E', '~');
}

/** Throws TemplateError, as Go's url.QueryUnescape fails. */
export function unescapeUrl(value: string): string {
  const wrong = /%(?![0-9a-fA-F]{2}).{0,2}/su.exec(value)?.[0];
  if (wrong !== undefined) throw new TemplateError(`invalid URL escape ${goQuote(wrong)}`);
  const bytes = Buffer.from(value.replaceAll('+', ' ')).toString('latin1');
  const byte = (_: string, hex: string) => String.fromCharCode(parseInt(hex, 16));
  return Buffer.from(bytes.replaceAll(/%([0-9a-fA-F]{2})/g, byte), 'latin1').toString();
}

/** Of text that is no base64 what Go says of it, which is what templates give. */
export function decodeBase64(value: string): string {
  const bytes = Buffer.from(value).toString('latin1');
  let digits = 0;
  let last = 0;
  for (const [i, char] of [...bytes].entries()) {
    if (char === '\r' || char === '\n') continue;
    last = i;
    if (/[A-Za-z0-9+/]/.test(char)) digits++;
    else {
      const rest = bytes.slice(i).replaceAll(/[\r\n]/g, '');
      const padding = '='.repeat((4 - (digits % 4)) % 4);
      if (char === '=' && digits % 4 > 1 && rest === padding) return Buffer.from(bytes, 'base64').toString();
      if (char !== '=' || digits % 4 < 2) return illegal(i);
      if (digits % 4 === 3) return illegal(i + 1);
      return illegal(rest === '=' ? bytes.length : rest[1] === '=' ? i + 2 : i);
    }
  }
  return digits % 4 === 0 ? Buffer.from(bytes, 'base64').toString() : illegal(last + 1 - (digits % 4));
}

function illegal(at: number): string {
  return `illegal base64 data at input byte ${at}`;
}
