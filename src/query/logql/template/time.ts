import { bounded } from './bounds.js';
import { layoutElements, months, weekdays } from './layout.js';
import { TemplateError, type GoTime } from './value.js';
import { localTime, utcTime } from './zones.js';

interface Parts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly yearDay: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly weekday: number;
  readonly nanosecond: number;
  /** Seconds east of UTC. */
  readonly offset: number;
  readonly zone: string;
}

const second = 1_000_000_000n;

/** Whole seconds since the epoch. */
export function unixSeconds({ ns }: GoTime): bigint {
  return (ns - (((ns % second) + second) % second)) / second;
}

/** Throws TemplateError where it is out of range. */
export function timeParts(time: GoTime): Parts {
  const seconds = unixSeconds(time);
  const milliseconds = Number(seconds) * 1000;
  if (Math.abs(milliseconds) > 8.64e15) throw new TemplateError('a time is out of range');
  const { date, name, offset } = localTime(milliseconds, time);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  return {
    ...{ year, month, day },
    yearDay: (utcTime(year, month, day) - utcTime(year, 1, 1)) / 86_400_000 + 1,
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    weekday: date.getUTCDay(),
    nanosecond: Number(time.ns - seconds * second),
    offset,
    zone: name,
  };
}

const two = (value: number) => String(value).padStart(2, '0');

function offsetText(offset: number, form: string): string {
  if (form.startsWith('Z') && offset === 0) return 'Z';
  const size = Math.abs(offset);
  const parts = [two(Math.floor(size / 3600)), two(Math.floor(size / 60) % 60), two(size % 60)];
  const count = (form.replaceAll(/\D/g, '').length + 1) >> 1;
  return (offset < 0 ? '-' : '+') + parts.slice(0, count).join(form.includes(':') ? ':' : '');
}

/** Go writes the offset of a zone that has no name. */
function zoneName({ zone, offset }: Parts): string {
  if (zone !== '') return zone;
  return offsetText(offset, offset % 3600 === 0 ? '-07' : '-0700');
}

/** A time in Go's reference layout (Mon Jan 2 15:04:05 MST 2006). */
export function formatTime(time: GoTime, layout: string): string {
  const parts = timeParts(time);
  let out = '';
  for (const { before, element } of layoutElements(layout)) {
    out = bounded(out + before + formatElement(parts, element));
  }
  return out;
}

function formatElement(p: Parts, element: string): string {
  const hour12 = p.hour % 12 === 0 ? 12 : p.hour % 12;
  switch (element) {
    case '':
      return '';
    case 'January':
      return months[p.month - 1] ?? '';
    case 'Jan':
      return (months[p.month - 1] ?? '').slice(0, 3);
    case 'Monday':
      return weekdays[p.weekday] ?? '';
    case 'Mon':
      return (weekdays[p.weekday] ?? '').slice(0, 3);
    case 'MST':
      return zoneName(p);
    case '2006':
      return (p.year < 0 ? '-' : '') + String(Math.abs(p.year)).padStart(4, '0');
    case '06':
      return two(Math.max(0, p.year) % 100);
    case '01':
      return two(p.month);
    case '1':
      return String(p.month);
    case '02':
      return two(p.day);
    case '_2':
      return String(p.day).padStart(2, ' ');
    case '2':
      return String(p.day);
    case '002':
      return String(p.yearDay).padStart(3, '0');
    case '__2':
      return String(p.yearDay).padStart(3, ' ');
    case '15':
      return two(p.hour);
    case '03':
      return two(hour12);
    case '3':
      return String(hour12);
    case '04':
      return two(p.minute);
    case '4':
      return String(p.minute);
    case '05':
      return two(p.second);
    case '5':
      return String(p.second);
    case 'PM':
      return p.hour < 12 ? 'AM' : 'PM';
    case 'pm':
      return p.hour < 12 ? 'am' : 'pm';
    default:
      return /^[.,]/.test(element) ? fraction(p.nanosecond, element) : offsetText(p.offset, element);
  }
}

function fraction(nanosecond: number, element: string): string {
  const digits = String(nanosecond)
    .padStart(9, '0')
    .slice(0, element.length - 1);
  if (element[1] === '0') return `${element[0]}${digits.padEnd(element.length - 1, '0')}`;
  const trimmed = digits.replace(/0+$/, '');
  return trimmed ? `${element[0]}${trimmed}` : '';
}

/** As Go prints a time.Time. */
export function formatGoTime(time: GoTime): string {
  return formatTime(time, '2006-01-02 15:04:05.999999999 -0700 MST');
}
