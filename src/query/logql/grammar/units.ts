/** Durations and byte sizes that LogQL compares with and unwraps. */

import { goDuration, parseDuration as parseGoDuration } from '../../text/durations.js';

/** Nanoseconds of `1h30m`, `-1.5s`, `0`; undefined when it is no duration. Days, weeks and years count too. */
export function parseDuration(text: string): number | undefined {
  const nanoseconds = parseGoDuration(text, goDuration);
  return nanoseconds === undefined ? undefined : Number(nanoseconds);
}

const kilo = { k: 1, m: 2, g: 3, t: 4, p: 5, e: 6 } as const;

/** Bytes of `1KB`, `2.5 MiB`, `42`; undefined when it is no size. kB is 1,000 bytes, KiB is 1,024. */
export function parseBytes(text: string): number | undefined {
  const match = /^\s*([\d,]+\.?[\d,]*|\.\d+)\s*(?:([kmgtpe])(i?)b?|b)?\s*$/i.exec(text);
  if (!match) return undefined;
  const amount = Number((match[1] ?? '').replaceAll(',', ''));
  const prefix = match[2]?.toLowerCase() as keyof typeof kilo | undefined;
  if (!prefix) return Math.trunc(amount);
  return Math.trunc(amount * (match[3] ? 1024 : 1000) ** kilo[prefix]);
}

/** As Go's strconv.ParseFloat; undefined when it is no number. */
export function parseNumber(text: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special) return /nan/i.test(text) ? NaN : special[1] === '-' ? -Infinity : Infinity;
  if (/^[+-]?0x[0-9a-f]+p0$/i.test(text)) return Number(text.slice(0, -2));
  return undefined;
}

/** A duration as `parseDuration` reads it: `1h30m`. */
export function formatDuration(nanoseconds: number): string {
  const units = [
    ['h', 3600e9],
    ['m', 60e9],
    ['s', 1e9],
    ['ms', 1e6],
    ['us', 1e3],
    ['ns', 1],
  ] as const;
  let rest = Math.abs(nanoseconds);
  let out = '';
  for (const [unit, size] of units) {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    if (amount > 0) out += `${amount}${unit}`;
  }
  return `${nanoseconds < 0 ? '-' : ''}${out || '0s'}`;
}
