const units: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 604_800_000],
]);

/** Milliseconds of `5m`, `1h30m`; null when it is not a duration. */
export function parseDuration(text: string): number | null {
  if (!/^(\d+(\.\d+)?(ms|[smhdw]))+$/.test(text)) return null;
  let sum = 0;
  for (const [, number = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g)) {
    sum += Number(number) * (units.get(unit) ?? 0);
  }
  return sum;
}

/** Milliseconds since 1970 of `now`, `now-1h`, a number of milliseconds, or a date and time; null when it is none. */
export function parseTime(text: string, nowMs: number, utc = false): number | null {
  const trimmed = text.trim();
  const relative = /^now(?:\s*-\s*(\S+))?$/.exec(trimmed);
  if (relative) {
    const back = relative[1] === undefined ? 0 : parseDuration(relative[1]);
    return back === null ? null : nowMs - back;
  }
  if (/^\d{11,14}$/.test(trimmed)) return Number(trimmed);
  if (/^\d{4}-\d\d-\d\d/.test(trimmed)) {
    const iso = trimmed.replace(' ', 'T').replace(/^(\d{4}-\d\d-\d\d)$/, '$1T00:00');
    const zoned = utc && !/(Z|[+-]\d\d:?\d\d)$/.test(iso) ? `${iso}Z` : iso;
    const parsed = Date.parse(zoned);
    return Number.isNaN(parsed) ? null : parsed;
  }
  return null;
}

const pad = (value: number, width = 2) => String(value).padStart(width, '0');

interface Parts {
  readonly date: string;
  readonly time: string;
  readonly millis: string;
}

function parts(ms: number, utc: boolean): Parts {
  const at = new Date(ms);
  const [year, month, day, hours, minutes, seconds, millis] = utc
    ? [
        at.getUTCFullYear(),
        at.getUTCMonth(),
        at.getUTCDate(),
        at.getUTCHours(),
        at.getUTCMinutes(),
        at.getUTCSeconds(),
        at.getUTCMilliseconds(),
      ]
    : [
        at.getFullYear(),
        at.getMonth(),
        at.getDate(),
        at.getHours(),
        at.getMinutes(),
        at.getSeconds(),
        at.getMilliseconds(),
      ];
  return {
    date: `${year}-${pad(month + 1)}-${pad(day)}`,
    time: `${pad(hours)}:${pad(minutes)}:${pad(seconds)}`,
    millis: pad(millis, 3),
  };
}

/** `2026-01-31 14:05:09.123`, which `parseTime` reads again. */
export function formatTime(ms: number, utc: boolean, millis = true): string {
  const { date, time, millis: rest } = parts(ms, utc);
  return `${date} ${time}${millis ? `.${rest}` : ''}`;
}

export const presets = [
  ['now-5m', 'last 5 minutes'],
  ['now-15m', 'last 15 minutes'],
  ['now-1h', 'last hour'],
  ['now-3h', 'last 3 hours'],
  ['now-6h', 'last 6 hours'],
  ['now-24h', 'last 24 hours'],
  ['now-3d', 'last 3 days'],
  ['now-7d', 'last 7 days'],
  ['now-30d', 'last 30 days'],
] as const;

const steps = [
  ...[1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800],
  ...[3600, 7200, 10_800, 14_400, 21_600, 43_200, 86_400],
];

/** Whole seconds such that the span has about `points` steps. */
export function stepSeconds(spanMs: number, points: number): number {
  const wanted = spanMs / 1000 / points;
  return steps.find((step) => step >= wanted) ?? Math.ceil(wanted / 86_400) * 86_400;
}

/** Of an axis: the day only where the span has several. */
export function formatTick(ms: number, spanMs: number, utc: boolean): string {
  const { date, time } = parts(ms, utc);
  if (spanMs > 3 * 86_400_000) return date.slice(5);
  if (spanMs > 86_400_000) return `${date.slice(5)} ${time.slice(0, 5)}`;
  return spanMs > 600_000 ? time.slice(0, 5) : time;
}
