/** Durations and byte sizes that LogQL compares with and unwraps. */

import { durationFault } from '../../text/go-faults.js';
import { goQuote } from '../../text/go-quote.js';
import { goDuration, parseDuration as parseGoDuration } from '../../text/durations.js';

/** Nanoseconds of `1h30m`, `-1.5s`, `0`, as a query writes it; undefined when it is no duration. Days, weeks and years count too. */
export function parseWrittenDuration(text: string): number | undefined {
  const nanoseconds = parseGoDuration(text, goDuration);
  return nanoseconds === undefined ? undefined : Number(nanoseconds);
}

/** The same of a value, in Go's units alone. */
export function parseDuration(text: string): number | undefined {
  return /[dwy]/.test(text) ? undefined : parseWrittenDuration(text);
}

const kilo = { k: 1, m: 2, g: 3, t: 4, p: 5, e: 6 } as const;

/** Bytes of `1KB`, `2.5 MiB`, `42`; undefined when it is no size. kB is 1,000 bytes, KiB is 1,024. */
export function parseBytes(text: string): number | undefined {
  const match = /^([\d,]+(?:\.[\d,]*)?|\.\d+)\s*(?:([kmgtpe])(i?)b?|b)?$/i.exec(text.trim());
  if (!match) return undefined;
  const amount = Number((match[1] ?? '').replaceAll(',', ''));
  const prefix = match[2]?.toLowerCase() as keyof typeof kilo | undefined;
  if (!prefix) return Math.trunc(amount);
  return Math.trunc(amount * (match[3] ? 1024 : 1000) ** kilo[prefix]);
}

/** As Go's strconv.ParseFloat; undefined when it is no number. */
export function parseNumber(text: string): number | undefined {
  if (/^[+-]?(\d+(?:\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special) return /nan/i.test(text) ? NaN : special[1] === '-' ? -Infinity : Infinity;
  if (/^[+-]?0x[0-9a-f]+p0$/i.test(text)) return Number(text.slice(0, -2));
  return undefined;
}

/** A size in Loki's form, three digits or two of it: `1.5kB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 10) return `${bytes}B`;
  const power = Math.min(6, Math.floor(Math.log(bytes) / Math.log(1000) + 1e-12));
  const amount = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10;
  return `${amount.toFixed(amount < 10 ? 1 : 0)}${['', 'k', 'M', 'G', 'T', 'P', 'E'][power]}B`;
}

/** Why a value is none of its kind, as Go says it. */
export function valueFault(kind: 'number' | 'duration' | 'bytes', text: string): string {
  if (kind === 'duration') return durationFault(text);
  if (kind === 'bytes') {
    const [, digits = '', unit = ''] = /^([\d.,]*)\s*(.*)$/s.exec(text) ?? [];
    if (digits !== '') return `unhandled size name: ${unit.toLowerCase().slice(0, 100)}`;
    return 'strconv.ParseFloat: parsing "": invalid syntax';
  }
  return `strconv.ParseFloat: parsing ${goQuote(text.slice(0, 100))}: invalid syntax`;
}
