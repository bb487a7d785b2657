import { TemplateError, type GoTime } from './value.js';

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
        era: 'short',
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

/** Whether there is a zone of this name. Offsets have none, and Go does not know Intl's names in other cases. */
export function isZone(zone: string): boolean {
  if (/^[+-]/.test(zone)) return false;
  try {
    formatter(zone);
    return true;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return false;
  }
}

/** As Date.UTC, which takes the years below 100 for those of the last century. */
export function utcTime(year: number, month: number, day: number, hour = 0, minute = 0, second = 0): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.setUTCHours(hour, minute, second);
}

/** What clocks in a zone show, as if it were UTC, and the abbreviation of the zone then. */
interface Local {
  readonly date: Date;
  /** Seconds east of UTC. */
  readonly offset: number;
  readonly name: string;
}

/** At a time in milliseconds. */
export function localTime(milliseconds: number, { zone, fixed }: Pick<GoTime, 'zone' | 'fixed'>): Local {
  if (fixed) {
    return { date: new Date(milliseconds + fixed.offset * 1000), offset: fixed.offset, name: fixed.name };
  }
  if (zone === 'UTC' || zone === '') return { date: new Date(milliseconds), offset: 0, name: 'UTC' };
  const parts = new Map(
    formatter(zone)
      .formatToParts(milliseconds)
      .map((part): [string, string] => [part.type, part.value]),
  );
  const number = (name: string) => Number(parts.get(name));
  // Years before the first are counted back, from 1.
  const year = parts.get('era')?.startsWith('B') === true ? 1 - number('year') : number('year');
  const date = new Date(
    utcTime(year, number('month'), number('day'), number('hour'), number('minute'), number('second')),
  );
  return {
    date,
    offset: Math.round((date.getTime() - milliseconds) / 1000),
    name: abbreviation(parts.get('timeZoneName') ?? zone, zone, milliseconds),
  };
}

const abbreviations = new Map<string, string>();
/** Each knows the abbreviations of its part of the world. */
const localesOfNames = ['en-US', 'en-AU', 'en-IN', 'en-ZA', 'en-NZ', 'ja-JP'];

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
  // Only local mean time, before there were zones, counts seconds.
  if (/^GMT[+-]\d+:\d\d:\d\d$/.test(name)) return 'LMT';
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

/** The offset in seconds of a zone when its clocks show `local`. */
export function offsetAt(local: number, zone: string): number {
  const guess = localTime(local, { zone }).offset;
  return localTime(local - guess * 1000, { zone }).offset;
}

/** The offset in seconds that a zone has under this abbreviation in the year around `local`. */
export function offsetNamed(name: string, local: number, zone: string): number | undefined {
  const halfYear = 183 * 86_400_000;
  for (const at of [local, local - halfYear, local + halfYear]) {
    const found = localTime(at, { zone });
    if (found.name === name) return found.offset;
  }
  return undefined;
}
