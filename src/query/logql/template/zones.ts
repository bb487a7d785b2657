import { TemplateError, type GoTime } from './value.js';

/** There are some 600 zones; their names are also known in other cases. */
const mostKept = 1000;
const longestName = 100;
/** What it takes to make a formatter, in steps. */
const making = 50;

interface Zone {
  readonly format: Intl.DateTimeFormat;
  /** The one name of a zone that has several. */
  readonly canonical: string;
}

const zones = new Map<string, Zone>();
/** Names that are none of a zone. */
const refused = new Set<string>();

/** undefined for an unknown zone. */
function found(name: string, work?: (steps: number) => void): Zone | undefined {
  const known = zones.get(name);
  if (known || name.length > longestName || refused.has(name)) return known;
  work?.(making);
  const zone = made(name);
  if (!zone) {
    if (refused.size >= mostKept) refused.clear();
    refused.add(name);
    return undefined;
  }
  if (zones.size >= mostKept) zones.clear();
  zones.set(name, zone);
  return zone;
}

function made(timeZone: string): Zone | undefined {
  try {
    const format = new Intl.DateTimeFormat('en-GB', {
      timeZone,
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
    return { format, canonical: format.resolvedOptions().timeZone };
  } catch {
    return undefined;
  }
}

/**
 * Whether there is a zone of this name. Offsets have none, and Go does not know Intl's names in other cases. `work`
 * counts the steps of looking for one that was not asked for before.
 */
export function isZone(zone: string, work?: (steps: number) => void): boolean {
  return !/^[+-]/.test(zone) && found(zone, work) !== undefined;
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
  const known = found(zone);
  if (!known) throw new TemplateError(`unknown time zone ${zone.slice(0, 100)}`);
  const parts = new Map(
    known.format.formatToParts(milliseconds).map((part): [string, string] => [part.type, part.value]),
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
    name: abbreviation(parts.get('timeZoneName') ?? zone, known.canonical, milliseconds),
  };
}

const abbreviations = new Map<string, string>();
/** Each knows the abbreviations of its part of the world. */
const localesOfNames = ['en-US', 'en-AU', 'en-IN', 'en-ZA', 'en-NZ', 'ja-JP'];

/** As in the time zone database, which writes the offset for zones that have no abbreviation. */
function abbreviation(name: string, zone: string, milliseconds: number): string {
  const before = abbreviations.get(`${zone} ${name}`);
  if (before !== undefined) return before;
  if (abbreviations.size >= 5000) abbreviations.clear();
  const now = lookedUp(name, zone, milliseconds);
  abbreviations.set(`${zone} ${name}`, now);
  return now;
}

function lookedUp(name: string, zone: string, milliseconds: number): string {
  // Only local mean time, before there were zones, counts seconds.
  if (/^GMT[+-]\d+:\d\d:\d\d$/.test(name)) return 'LMT';
  const offset = /^GMT([+-])(\d+)(?::(\d\d))?$/.exec(name);
  if (!offset) return name;
  for (const locale of localesOfNames) {
    const format = new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: 'short' });
    const short = format.formatToParts(milliseconds).find(({ type }) => type === 'timeZoneName')?.value;
    if (short !== undefined && !short.startsWith('GMT')) return short;
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
    const there = localTime(at, { zone });
    if (there.name === name) return there.offset;
  }
  return undefined;
}
