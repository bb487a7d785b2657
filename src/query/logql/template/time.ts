import { compileRegex } from '../../text/re2.js';
import { TemplateError, type GoTime } from './value.js';

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

interface Parts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly weekday: number;
  readonly nanosecond: number;
  /** Minutes east of UTC. */
  readonly offset: number;
  readonly zone: string;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Throws TemplateError for an unknown zone. */
function formatter(zone: string): Intl.DateTimeFormat {
  let found = formatters.get(zone);
  if (!found) {
    try {
      found = new Intl.DateTimeFormat('en-GB', {
        timeZone: zone,
        timeZoneName: 'short',
        hourCycle: 'h23',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
      });
    } catch {
      throw new TemplateError(`unknown time zone ${zone.slice(0, 100)}`);
    }
    if (formatters.size > 100) formatters.clear();
    formatters.set(zone, found);
  }
  return found;
}

/** Whether there is a zone of this name. */
export function isZone(zone: string): boolean {
  try {
    formatter(zone);
    return true;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return false;
  }
}

/** As Date.UTC, which takes the years below 100 for those of the last century. */
function utcTime(year: number, month: number, day: number, hour = 0, minute = 0, second = 0): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.setUTCHours(hour, minute, second);
}

function zoned(milliseconds: number, zone: string): { local: Date; name: string } {
  if (zone === 'UTC') return { local: new Date(milliseconds), name: 'UTC' };
  const parts = new Map(
    formatter(zone)
      .formatToParts(milliseconds)
      .map((part): [string, string] => [part.type, part.value]),
  );
  const number = (name: string) => Number(parts.get(name));
  return {
    local: new Date(
      utcTime(
        number('year'),
        number('month'),
        number('day'),
        number('hour'),
        number('minute'),
        number('second'),
      ),
    ),
    name: abbreviation(parts.get('timeZoneName') ?? zone, zone, milliseconds),
  };
}

const abbreviations = new Map<string, string>();
/** Each knows the abbreviations of its part of the world. */
const localesOfNames = ['en-US', 'en-AU', 'en-IN', 'en-ZA'];

/** As in the time zone database, which writes the offset for zones that have no abbreviation. */
function abbreviation(name: string, zone: string, milliseconds: number): string {
  const known = abbreviations.get(`${zone} ${name}`);
  if (known !== undefined) return known;
  if (abbreviations.size > 200) abbreviations.clear();
  const found = lookedUp(name, zone, milliseconds);
  abbreviations.set(`${zone} ${name}`, found);
  return found;
}

function lookedUp(name: string, zone: string, milliseconds: number): string {
  const offset = /^GMT([+-])(\d+)(?::(\d\d))?$/.exec(name);
  if (!offset) return name;
  for (const locale of localesOfNames) {
    const format = new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: 'short' });
    const found = format.formatToParts(milliseconds).find(({ type }) => type === 'timeZoneName')?.value;
    if (found !== undefined && !found.startsWith('GMT')) return found;
  }
  const [, sign = '', hours = '', minutes = ''] = offset;
  return sign + hours.padStart(2, '0') + minutes;
}

function partsOf(time: GoTime): Parts {
  const second = time.ns / 1_000_000_000n - (time.ns % 1_000_000_000n < 0n ? 1n : 0n);
  const milliseconds = Number(second) * 1000;
  if (Math.abs(milliseconds) > 8.64e15) throw new TemplateError('a time is out of range');
  const { local, name } = zoned(milliseconds, time.zone);
  return {
    year: local.getUTCFullYear(),
    month: local.getUTCMonth() + 1,
    day: local.getUTCDate(),
    hour: local.getUTCHours(),
    minute: local.getUTCMinutes(),
    second: local.getUTCSeconds(),
    weekday: local.getUTCDay(),
    nanosecond: Number(time.ns - second * 1_000_000_000n),
    offset: Math.round((local.getTime() - milliseconds) / 60_000),
    zone: name,
  };
}

const elements =
  /January|Jan|Monday|Mon|MST|2006|Z07:00:00|Z07:00|Z0700|Z07|-07:00:00|-07:00|-0700|-07|[.,]0+(?!\d)|[.,]9+(?!\d)|002|_2|01|02|03|04|05|06|15|PM|pm|1|2|3|4|5/g;

const two = (value: number) => String(value).padStart(2, '0');

function offsetText(minutes: number, form: string): string {
  if (form.startsWith('Z') && minutes === 0) return 'Z';
  const size = Math.abs(minutes);
  const text = [two(Math.floor(size / 60)), two(size % 60)];
  const colon = form.includes(':');
  const long = /07:?00/.test(form);
  return (minutes < 0 ? '-' : '+') + (long ? text.join(colon ? ':' : '') : text[0]);
}

/** A time in Go's reference layout (Mon Jan 2 15:04:05 MST 2006). */
export function formatTime(time: GoTime, layout: string): string {
  const p = partsOf(time);
  const hour12 = p.hour % 12 === 0 ? 12 : p.hour % 12;
  const month = months[p.month - 1] ?? '';
  const weekday = weekdays[p.weekday] ?? '';
  return layout.replaceAll(elements, (element) => {
    switch (element) {
      case 'January':
        return month;
      case 'Jan':
        return month.slice(0, 3);
      case 'Monday':
        return weekday;
      case 'Mon':
        return weekday.slice(0, 3);
      case 'MST':
        return p.zone;
      case '2006':
        return String(p.year).padStart(4, '0');
      case '06':
        return two(p.year % 100);
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
      case '002': {
        const days = (utcTime(p.year, p.month, p.day) - utcTime(p.year, 1, 1)) / 86_400_000;
        return String(days + 1).padStart(3, '0');
      }
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
      default: {
        if (!/^[.,]/.test(element)) return offsetText(p.offset, element);
        const digits = String(p.nanosecond)
          .padStart(9, '0')
          .slice(0, element.length - 1);
        if (element[1] === '0') return `${element[0]}${digits.padEnd(element.length - 1, '0')}`;
        const trimmed = digits.replace(/0+$/, '');
        return trimmed ? `${element[0]}${trimmed}` : '';
      }
    }
  });
}

/** As Go prints a time.Time. */
export function formatGoTime(time: GoTime): string {
  return formatTime(time, '2006-01-02 15:04:05.999999999 -0700 MST');
}

/** Longest layout to parse a time by; the text may have twice as many characters. */
export const maxLayout = 200;

/** Parses a time in Go's reference layout. Throws TemplateError. */
export function parseTime(layout: string, text: string, zone: string): GoTime {
  const fail = () => new TemplateError(`cannot parse ${text.slice(0, 100)} as ${layout.slice(0, 100)}`);
  if (text.length > 2 * maxLayout) throw fail();
  const found: string[] = [];
  let pattern = '';
  let last = 0;
  for (const match of layout.matchAll(elements)) {
    pattern += escape(layout.slice(last, match.index)) + capture(match[0]);
    found.push(match[0]);
    last = match.index + match[0].length;
  }
  // A layout is user input too, so it is matched in linear time.
  const matcher = compileRegex(`(?i)^${pattern}${escape(layout.slice(last))}$`).matcher(text);
  if (!matcher.find()) throw fail();
  let [year, month, day, hour, minute, second] = [0, 1, 1, 0, 0, 0];
  let nanosecond = 0n;
  let offset: number | undefined;
  let afternoon: boolean | undefined;
  found.forEach((element, i) => {
    const value = matcher.group(i + 1) ?? '';
    if (element === '2006') year = Number(value);
    else if (element === '06') year = Number(value) + (Number(value) >= 69 ? 1900 : 2000);
    else if (element === 'January' || element === 'Jan') {
      month =
        months.findIndex((name) => name.slice(0, 3).toLowerCase() === value.slice(0, 3).toLowerCase()) + 1;
    } else if (element === '01' || element === '1') month = Number(value);
    else if (element === '02' || element === '2' || element === '_2') day = Number(value);
    else if (element === '15' || element === '03' || element === '3') hour = Number(value);
    else if (element === '04' || element === '4') minute = Number(value);
    else if (element === '05' || element === '5') second = Number(value);
    else if (/^[.,]/.test(element)) nanosecond = BigInt(value.slice(1).padEnd(9, '0').slice(0, 9) || '0');
    else if (element.toLowerCase() === 'pm') afternoon = value.toLowerCase() === 'pm';
    else if (/07/.test(element)) {
      const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)?/.exec(value) ?? [];
      offset = sign ? (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes ?? 0)) : 0;
    }
  });
  if (afternoon !== undefined) hour = (hour % 12) + (afternoon ? 12 : 0);
  const utc = utcTime(year, month, day, hour, minute, second);
  if (month < 1 || month > 12 || new Date(utcTime(year, month, day)).getUTCDate() !== day) throw fail();
  if (Number.isNaN(utc) || hour > 23 || minute > 59 || second > 59) throw fail();
  const shift = offset === undefined ? zoneOffset(utc, zone) : offset * 60_000;
  return { kind: 'time', ns: BigInt(utc - shift) * 1_000_000n + nanosecond, zone };
}

/** Milliseconds that a zone is ahead of UTC at a local time. */
function zoneOffset(local: number, zone: string): number {
  const guess = zoned(local, zone).local.getTime() - local;
  return zoned(local - guess, zone).local.getTime() - (local - guess);
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}

function capture(element: string): string {
  if (/^(January|Jan|Monday|Mon|MST)$/.test(element)) return '([A-Za-z]+)';
  if (element === '2006') return String.raw`(\d{4})`;
  if (element.toLowerCase() === 'pm') return '(am|pm)';
  if (/^[.,]/.test(element)) return String.raw`([.,]\d+)${element[1] === '9' ? '?' : ''}`;
  if (/07/.test(element))
    return element.startsWith('Z') ? String.raw`(Z|[+-]\d\d:?(?:\d\d)?)` : String.raw`([+-]\d\d:?(?:\d\d)?)`;
  if (element === '_2') return String.raw`\s*(\d+)`;
  return element.length === 1
    ? String.raw`(\d{1,2})`
    : element === '002'
      ? String.raw`(\d{3})`
      : String.raw`(\d{2})`;
}
