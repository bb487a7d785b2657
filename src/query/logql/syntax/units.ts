/** Go's duration strings and the byte sizes that LogQL compares with, unwraps and prints. */

const durationUnits: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3, // U+00B5
  μs: 1e3, // U+03BC
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
  d: 86_400e9,
  w: 7 * 86_400e9,
  y: 365 * 86_400e9,
};

/** Nanoseconds of `1h30m`, `-1.5s`, `0`; undefined when it is no duration. Days, weeks and years count too. */
export function parseDuration(text: string): number | undefined {
  const negative = text.startsWith('-');
  const rest = negative || text.startsWith('+') ? text.slice(1) : text;
  if (rest === '0') return 0;
  const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w|y)/y;
  let total = 0;
  while (part.lastIndex < rest.length) {
    const match = part.exec(rest);
    if (!match) return undefined;
    total += Number(match[1]) * (durationUnits[match[2] ?? ''] ?? NaN);
  }
  if (rest.length === 0) return undefined;
  return Math.round(negative ? -total : total);
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

/** Go's time.Duration text, such as `1h30m0s`, `1.5ms`. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  const sign = nanoseconds < 0 ? '-' : '';
  const ns = Math.abs(nanoseconds);
  const trimmed = (value: number, digits: number) => value.toFixed(digits).replace(/\.?0+$/, '');
  if (ns < 1e3) return `${sign}${ns}ns`;
  if (ns < 1e6) return `${sign}${trimmed(ns / 1e3, 3)}µs`;
  if (ns < 1e9) return `${sign}${trimmed(ns / 1e6, 6)}ms`;
  const hours = Math.floor(ns / 3600e9);
  const minutes = Math.floor((ns % 3600e9) / 60e9);
  const whole = Math.floor((ns % 60e9) / 1e9);
  const fraction = ns % 1e9;
  const seconds = `${whole}${fraction ? `.${String(fraction).padStart(9, '0').replace(/0+$/, '')}` : ''}s`;
  if (hours) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}
