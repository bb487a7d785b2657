/** Go's duration strings and the byte sizes that LogQL compares with and unwraps. */

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
