import { layoutElements, months, weekdays } from './layout.js';
import { TemplateError, type GoTime } from './value.js';
import { localTime, offsetAt, offsetNamed, utcTime } from './zones.js';

/** Parses a time in Go's reference layout (pkg time, parse), in a zone unless it tells one. Throws TemplateError. */
export function parseTime(layout: string, text: string, zone: string): GoTime {
  return new TimeParser(layout, text).parse(zone);
}

function fail(): TemplateError {
  return new TemplateError('the text is no time of that layout');
}

class TimeParser {
  #at = 0;
  #year = 0;
  #month = 0;
  #day = 0;
  #yearDay = 0;
  #hour = 0;
  #minute = 0;
  #second = 0;
  #nanosecond = 0n;
  #half: 'am' | 'pm' | undefined;
  #utc = false;
  #offset: number | undefined;
  #zoneName = '';

  constructor(
    private readonly layout: string,
    private readonly text: string,
  ) {}

  parse(zone: string): GoTime {
    const elements = layoutElements(this.layout);
    for (const [i, { before, element }] of elements.entries()) {
      this.#skip(before);
      if (element === '') {
        if (this.#at < this.text.length) throw fail();
      } else this.#element(element, elements[i + 1]);
    }
    return this.#time(zone);
  }

  /** Blanks of the layout stand for any number of them. */
  #skip(before: string): void {
    const { text } = this;
    for (let i = 0; i < before.length; i++) {
      if (before[i] !== ' ') {
        if (text[this.#at] !== before[i]) throw fail();
        this.#at++;
        continue;
      }
      if (this.#at < text.length && text[this.#at] !== ' ') throw fail();
      while (before[i + 1] === ' ') i++;
      while (text[this.#at] === ' ') this.#at++;
    }
  }

  #digit(ahead = 0): boolean {
    return /^\d$/.test(this.text[this.#at + ahead] ?? '');
  }

  #take(length: number): string {
    const taken = this.text.slice(this.#at, this.#at + length);
    if (taken.length < length) throw fail();
    this.#at += length;
    return taken;
  }

  /** One digit, or two; `fixed`: two. */
  #number(fixed: boolean, least: number, most: number): number {
    if (!this.#digit() || (fixed && !this.#digit(1))) throw fail();
    const value = Number(this.#take(this.#digit(1) ? 2 : 1));
    if (value < least || value > most) throw fail();
    return value;
  }

  #name(names: readonly string[], length?: number): number {
    const rest = this.text.slice(this.#at, this.#at + 9).toLowerCase();
    const found = names.findIndex((name) => rest.startsWith(name.slice(0, length).toLowerCase()));
    if (found < 0) throw fail();
    this.#at += (names[found] ?? '').slice(0, length).length;
    return found;
  }

  #element(element: string, next: { readonly before: string; readonly element: string } | undefined): void {
    const fixed = element.startsWith('0');
    switch (element) {
      case '2006': {
        const digits = this.#take(4);
        if (!/^\d{4}$/.test(digits)) throw fail();
        this.#year = Number(digits);
        break;
      }
      case '06': {
        const year = this.#number(true, 0, 99);
        this.#year = year + (year >= 69 ? 1900 : 2000);
        break;
      }
      case 'January':
      case 'Jan':
        this.#month = this.#name(months, element === 'Jan' ? 3 : undefined) + 1;
        break;
      case 'Monday':
      case 'Mon':
        this.#name(weekdays, element === 'Mon' ? 3 : undefined);
        break;
      case '01':
      case '1':
        this.#month = this.#number(fixed, 1, 12);
        break;
      case '_2':
      case '02':
      case '2':
        if (element === '_2' && this.text[this.#at] === ' ') this.#at++;
        this.#day = this.#number(fixed, 1, 31);
        break;
      case '__2':
      case '002':
        this.#dayOfYear(element === '002');
        break;
      case '15':
        this.#hour = this.#number(false, 0, 23);
        break;
      case '03':
      case '3':
        this.#hour = this.#number(fixed, 0, 12);
        break;
      case '04':
      case '4':
        this.#minute = this.#number(fixed, 0, 59);
        break;
      case '05':
      case '5': {
        this.#second = this.#number(fixed, 0, 59);
        // A fraction may follow though the layout has none.
        const named = next?.before === '' && /^[.,]/.test(next.element);
        if (!named) this.#fraction();
        break;
      }
      case 'PM':
      case 'pm': {
        const half = this.#take(2);
        if (half.toLowerCase() !== 'am' && half.toLowerCase() !== 'pm') throw fail();
        if ((half === half.toUpperCase()) !== (element === 'PM')) throw fail();
        this.#half = half.toLowerCase() as 'am' | 'pm';
        break;
      }
      case 'MST':
        this.#zone();
        break;
      default:
        if (!/^[.,]/.test(element)) this.#zoneOffset(element);
        else if (element[1] === '9') this.#fraction();
        else this.#nanoseconds(this.#take(element.length));
    }
  }

  #dayOfYear(zeros: boolean): void {
    for (let i = 0; i < 2 && !zeros && this.text[this.#at] === ' '; i++) this.#at++;
    const digits = /^\d{1,3}/.exec(this.text.slice(this.#at, this.#at + 3))?.[0] ?? '';
    if (digits === '' || (zeros && digits.length < 3)) throw fail();
    this.#at += digits.length;
    this.#yearDay = Number(digits);
    if (this.#yearDay < 1 || this.#yearDay > 366) throw fail();
  }

  /** If there is one. */
  #fraction(): void {
    const fraction = /[.,]\d+/y;
    fraction.lastIndex = this.#at;
    const found = fraction.exec(this.text)?.[0];
    if (found !== undefined) this.#nanoseconds(this.#take(found.length));
  }

  #nanoseconds(text: string): void {
    if (!/^[.,]\d+$/.test(text)) throw fail();
    this.#nanosecond = BigInt(text.slice(1, 10).padEnd(9, '0'));
  }

  #zoneOffset(element: string): void {
    if (element.startsWith('Z') && this.text[this.#at] === 'Z') {
      this.#at++;
      this.#utc = true;
      return;
    }
    const [, sign, hours, minutes = '0', seconds = '0'] =
      (element.includes(':')
        ? /^([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$/
        : /^([+-])(\d\d)(\d\d)?(\d\d)?$/
      ).exec(this.#take(element.length)) ?? [];
    if (sign === undefined || Number(hours) > 24 || Number(minutes) > 60 || Number(seconds) > 60)
      throw fail();
    const size = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
    this.#offset = sign === '-' ? -size : size;
  }

  /** An abbreviation: three letters, four or five with a T at the end, an offset, or GMT with one. */
  #zone(): void {
    const name =
      /^(?:UTC|GMT(?:[+-]\d{1,2})?|ChST|MeST|WITA|[A-Z]{3,4}T(?![A-Z])|[A-Z]{3}(?![A-Z])|[+-]\d\d?(?!\d))/.exec(
        this.text.slice(this.#at, this.#at + 7),
      )?.[0];
    if (name === undefined) throw fail();
    this.#at += name.length;
    if (name === 'UTC') this.#utc = true;
    else this.#zoneName = name;
  }

  #time(zone: string): GoTime {
    if (this.#half === 'pm' && this.#hour < 12) this.#hour += 12;
    if (this.#half === 'am' && this.#hour === 12) this.#hour = 0;
    let [month, day] = [this.#month || 1, this.#day || 1];
    if (this.#yearDay > 0) {
      const date = new Date(utcTime(this.#year, 1, this.#yearDay));
      if (date.getUTCFullYear() !== this.#year) throw fail();
      const [found, at] = [date.getUTCMonth() + 1, date.getUTCDate()];
      if ((this.#month > 0 && this.#month !== found) || (this.#day > 0 && this.#day !== at)) throw fail();
      [month, day] = [found, at];
    }
    if (new Date(utcTime(this.#year, month, day)).getUTCDate() !== day) throw fail();
    const local = utcTime(this.#year, month, day, this.#hour, this.#minute, this.#second);
    const at = (offset: number) => BigInt(local - offset * 1000) * 1_000_000n + this.#nanosecond;
    if (this.#utc) return { kind: 'time', ns: at(0), zone: 'UTC' };
    const [offset, name] = [this.#offset, this.#zoneName];
    if (offset !== undefined) {
      const there = localTime(local - offset * 1000, { zone });
      const own = there.offset === offset && (name === '' || name === there.name);
      return { kind: 'time', ns: at(offset), zone, ...(!own && { fixed: { name, offset } }) };
    }
    if (name === '') return { kind: 'time', ns: at(offsetAt(local, zone)), zone };
    const named = offsetNamed(name, local, zone);
    if (named !== undefined) return { kind: 'time', ns: at(named), zone };
    const hours = Number(/^GMT([+-]\d+)$/.exec(name)?.[1] ?? 0);
    return { kind: 'time', ns: at(0), zone, fixed: { name, offset: hours * 3600 } };
  }
}
