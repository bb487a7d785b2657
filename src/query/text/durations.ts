/** Nanoseconds of each unit of a duration. A year has 365 days, as in Prometheus. */
const unitNanoseconds: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['µs', 1_000n], // U+00B5
  ['μs', 1_000n], // U+03BC
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
  ['d', 86_400_000_000_000n],
  ['w', 604_800_000_000_000n],
  ['y', 31_536_000_000_000_000n],
]);

/** How a language writes durations. */
export interface DurationForm {
  /** Units that it knows. */
  readonly units: readonly string[];
  /** `1.5h` is one. */
  readonly fractions: boolean;
  /** `-5m` is one. */
  readonly signs: boolean;
  /** `1h30m`, never `30m1h` or `1h1h`: units come in the order of `units`, each once. */
  readonly ordered: boolean;
}

/** More are no time that anything could be, and dear to read. */
const mostDigits = 100;

/** Nanoseconds of `1h30m` or `0`; undefined when the text is no duration of this form. */
export function parseDuration(text: string, form: DurationForm): bigint | undefined {
  const negative = form.signs && text.startsWith('-');
  const rest = negative || (form.signs && text.startsWith('+')) ? text.slice(1) : text;
  if (rest === '0') return 0n;
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w|y)/y;
  let total = 0n;
  let before = -1;
  while (part.lastIndex < rest.length) {
    const [, amount = '', unit = ''] = part.exec(rest) ?? [];
    const at = form.units.indexOf(unit);
    const scale = unitNanoseconds.get(unit);
    if (at < 0 || scale === undefined || (form.ordered && at <= before)) return undefined;
    before = at;
    if (amount.length > mostDigits) return undefined;
    if (/^\d+$/.test(amount)) total += BigInt(amount) * scale;
    else if (form.fractions) total += BigInt(Math.round(Number(amount) * Number(scale)));
    else return undefined;
  }
  if (rest.length === 0) return undefined;
  return negative ? -total : total;
}

/** Prometheus' durations, also in its HTTP parameters: `1w2d3h4m5s6ms`. */
export const prometheusDuration: DurationForm = {
  units: ['y', 'w', 'd', 'h', 'm', 's', 'ms'],
  fractions: false,
  signs: false,
  ordered: true,
};

/** Go's durations, with days, weeks and years: `-1.5h`, `1m30s`. */
export const goDuration: DurationForm = {
  units: [...unitNanoseconds.keys()],
  fractions: true,
  signs: true,
  ordered: false,
};

const writtenUnits = [
  ['y', 31_536_000_000, true],
  ['w', 604_800_000, true],
  ['d', 86_400_000, false],
  ['h', 3_600_000, false],
  ['m', 60_000, false],
  ['s', 1000, false],
  ['ms', 1, false],
] as const;

/** As Prometheus writes durations: `1d2h`; whole milliseconds, years and weeks only where they leave nothing over. */
export function formatPrometheusDuration(nanoseconds: number): string {
  let rest = Math.trunc(Math.abs(nanoseconds) / 1e6);
  if (rest === 0) return '0s';
  let text = nanoseconds < 0 ? '-' : '';
  for (const [unit, ms, wholeOnly] of writtenUnits) {
    if ((wholeOnly && rest % ms !== 0) || rest < ms) continue;
    text += `${Math.floor(rest / ms)}${unit}`;
    rest %= ms;
  }
  return text;
}

/** A duration as Go writes it: `1h30m0s`. */
export function formatGoDuration(nanoseconds: number): string {
  const size = Math.abs(nanoseconds);
  const sign = nanoseconds < 0 ? '-' : '';
  if (size === 0) return '0s';
  if (size < 1e3) return `${sign}${size}ns`;
  if (size < 1e6) return `${sign}${size / 1e3}µs`;
  if (size < 1e9) return `${sign}${size / 1e6}ms`;
  const hours = Math.floor(size / 3600e9);
  const minutes = Math.floor((size % 3600e9) / 60e9);
  const seconds = `${(size % 60e9) / 1e9}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return sign + (minutes > 0 ? `${minutes}m${seconds}` : seconds);
}
