import { QueryError } from '../../lake/query-error.js';
import { goDuration, parseDuration, prometheusDuration, type DurationForm } from '../text/durations.js';
import type { QueryRequest } from './endpoint.js';

/**
 * How an API writes numbers that are times: always unix seconds (Prometheus), or seconds up to 10 digits and
 * nanoseconds from 11 on (Loki, Tempo).
 */
export type TimeForm = 'seconds' | 'seconds or nanoseconds';

const second = 1_000_000_000n;

/**
 * Parameters of a form-encoded body and of the URL together, in that order, as Go's forms have it; a name may come several
 * times, the first one counts where one is asked for. Names come from outside: this is a list, never an object. An empty value is a
 * missing one. Methods throw QueryError `bad_data` that names the parameter.
 */
export class Params {
  readonly #values: URLSearchParams;

  constructor(
    { url, body }: Pick<QueryRequest, 'url' | 'body'>,
    protected readonly times: TimeForm,
  ) {
    const at = url.indexOf('?');
    this.#values = new URLSearchParams(body);
    const ofUrl = new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
    for (const [name, value] of ofUrl) this.#values.append(name, value);
  }

  /** In the words of the API. */
  protected invalid(name: string, reason: string): QueryError {
    return invalid(name, reason);
  }

  get names(): readonly string[] {
    return [...new Set(this.#values.keys())];
  }

  text(name: string): string | undefined {
    return this.#values.get(name) || undefined;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw this.invalid(name, 'it is missing');
    return value;
  }

  all(...names: readonly string[]): string[] {
    return names.flatMap((name) => this.#values.getAll(name));
  }

  /** Nanoseconds since the epoch of a number or of RFC 3339; `before` stands before what is said of any other text. */
  time(name: string, before = ''): bigint | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const time = timeOf(text, this.times);
    if (time === undefined)
      throw this.invalid(name, `${before}cannot parse ${shown(text)} to a valid timestamp`);
    return time;
  }

  /** Unix milliseconds; fractions of one are cut off. */
  timeMs(name: string, before = ''): number | undefined {
    const time = this.time(name, before);
    return time === undefined ? undefined : Number(time / 1_000_000n);
  }

  /** Nanoseconds of a number of seconds or of a duration. */
  duration(name: string): bigint | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const form: DurationForm = this.times === 'seconds' ? prometheusDuration : goDuration;
    const number = this.times === 'seconds' ? withoutGaps(text) : text;
    const seconds = numberPattern.test(number) ? Number(number) : undefined;
    const value =
      seconds === undefined
        ? parseDuration(text, form)
        : Math.abs(seconds) < 1e10
          ? BigInt(Math.round(seconds * 1e9))
          : undefined;
    if (value === undefined || value > longest || value < -longest) {
      const overflows =
        this.times === 'seconds' && (seconds !== undefined || /^[+-]?(nan|inf(inity)?)$/i.test(text));
      const why = overflows ? '. It overflows int64' : '';
      throw this.invalid(name, `cannot parse ${shown(text)} to a valid duration${why}`);
    }
    return value;
  }

  durationMs(name: string): number | undefined {
    const value = this.duration(name);
    return value === undefined ? undefined : Number(value) / 1e6;
  }

  /** A whole number of at least `min`; more than `max` is refused. */
  integer(name: string, fallback: number, min = 0, max = Number.MAX_SAFE_INTEGER): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (!(value >= min)) {
      throw this.invalid(name, `it must be a whole number of at least ${min}: ${shown(text)}`);
    }
    if (value > max) throw this.invalid(name, `it is ${value}, at most ${max}`);
    return value;
  }

  /** A count; 0 and a missing parameter mean no limit. */
  limit(name = 'limit'): number {
    return this.integer(name, 0) || Infinity;
  }
}

export function invalid(name: string, reason: string): QueryError {
  return new QueryError('bad_data', `invalid parameter ${JSON.stringify(name)}: ${reason}`);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

const numberPattern = /^[+-]?(\d+(?:\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;
/** As Go reads RFC 3339: an hour may have one digit, a zone is at most 24:60. */
const datePattern =
  /^(\d{4}-\d\d-\d\d)T(\d\d?):([0-5]\d:[0-5]\d)(?:[.,](\d+))?(?:Z|([+-](?:[01]\d|2[0-4])):([0-5]\d|60))$/;
/** Go's durations are nanoseconds in 64 bits. */
const longest = 2n ** 63n - 1n;
/** As milliseconds whole in a double; Prometheus takes times that are far from any sample, its own extremes among them. */
const largestSeconds = 9_000_000_000_000n;
const prometheusExtremes: ReadonlyMap<string, bigint> = new Map([
  ['-292273086-05-16T16:47:06Z', -largestSeconds * second],
  ['292277025-08-18T07:12:54.999999999Z', largestSeconds * second],
]);
/** As Go reads numbers. */
const notFinite = /^(nan|[+-]?inf(inity)?)$/i;
/** What Prometheus takes them for: the least whole number of seconds, as milliseconds that wrapped around. */
const noTime = -9_223_372_036_854_000_000n;
/** Nanoseconds that 64 bits hold, with room for ranges and offsets; no record is beyond them. */
const [earliest, latest] = [-(2n ** 62n), 2n ** 62n + 2n ** 61n];

/** Nanoseconds since the epoch of a number or of RFC 3339. */
export function timeOf(text: string, form: TimeForm): bigint | undefined {
  const time = unbounded(text, form);
  if (form === 'seconds') {
    if (time === undefined) return notFinite.test(text) ? noTime : prometheusExtremes.get(text);
    return between(-largestSeconds * second, time, largestSeconds * second);
  }
  return time === undefined ? undefined : between(earliest, time, latest);
}

function between(least: bigint, value: bigint, most: bigint): bigint {
  return value < least ? least : value > most ? most : value;
}

function unbounded(given: string, form: TimeForm): bigint | undefined {
  const text = form === 'seconds' ? withoutGaps(given) : given;
  if (/^[+-]?\d+$/.test(text)) {
    const whole = BigInt(text.replace('+', ''));
    if (form === 'seconds' || text.replace(/^[+-]/, '').length <= 10) {
      return whole * second;
    }
    return whole;
  }
  if (numberPattern.test(text)) {
    const seconds = Number(text);
    if (!Number.isFinite(seconds * 1000)) return undefined;
    const decimal = form === 'seconds' ? null : /^([+-]?)(\d*)\.(\d+)$/.exec(text);
    // Prometheus rounds to milliseconds.
    if (!decimal) return BigInt(Math.round(seconds * 1000)) * 1_000_000n;
    // Digit by digit: a double holds no nanoseconds of today.
    const [, sign, before = '', after = ''] = decimal;
    const magnitude = BigInt(before || '0') * second + BigInt(after.padEnd(9, '0').slice(0, 9));
    return sign === '-' ? -magnitude : magnitude;
  }
  const date = datePattern.exec(text);
  if (!date) return undefined;
  const [, day = '', hour = '', rest = '', fraction = '', zoneHours = '+00', zoneMinutes = '0'] = date;
  const millis = Date.parse(`${day}T${hour.padStart(2, '0')}:${rest}Z`);
  // Of a day or hour that there is not, the time is one of the day behind it.
  if (Number.isNaN(millis) || !new Date(millis).toISOString().startsWith(day)) return undefined;
  const west = zoneHours.startsWith('-') ? 1 : -1;
  const minutes = west * (Math.abs(Number(zoneHours)) * 60 + Number(zoneMinutes));
  return BigInt(millis + minutes * 60_000) * 1_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
}

/** `1_000` is 1000 where Go reads the number. */
function withoutGaps(text: string): string {
  return text.replace(/(?<=\d)_(?=\d)/g, '');
}
