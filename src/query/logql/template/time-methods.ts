import { formatValue } from './format.js';
import type { Parameter } from './registry.js';
import { formatGoTime, formatTime, timeParts, unixSeconds } from './time.js';
import { Integer, isTime, noTime, TemplateError, type GoTime, type Value } from './value.js';

/** A method of one of Go's types. */
export interface Method<T = GoTime> {
  readonly parameters: readonly Parameter[];
  readonly call: (of: T, args: readonly Value[]) => Value;
}

type TimeMethod = Method;

const part = (
  name: 'year' | 'day' | 'hour' | 'minute' | 'second' | 'nanosecond' | 'yearDay',
): TimeMethod => ({
  parameters: [],
  call: (time) => BigInt(timeParts(time)[name]),
});
const since = (unit: bigint): TimeMethod => ({
  parameters: [],
  call: (time) => {
    const { ns } = time;
    return new Integer('int64', BigInt.asIntN(64, (ns - (((ns % unit) + unit) % unit)) / unit));
  },
});
const compared = (call: (a: bigint, b: bigint) => Value): TimeMethod => ({
  parameters: ['time.Time'],
  call: ({ ns }, [other]) => call(ns, (other as GoTime).ns),
});
const utc: TimeMethod = { parameters: [], call: ({ ns }) => ({ kind: 'time', ns, zone: 'UTC' }) };

const wholeDuration = (value: bigint) => new Integer('time.Duration', BigInt.asIntN(64, value));
const lengthOf = (value: Value | undefined) => (value as Integer).value;
const whole = (value: bigint, unit: bigint) => value - (((value % unit) + unit) % unit);

/** To a multiple of a duration since Go's zero time; `half`: what is added before. */
function toMultiple(half: (unit: bigint) => bigint): TimeMethod {
  return {
    parameters: ['time.Duration'],
    call: (time, [duration]) => {
      const unit = lengthOf(duration);
      if (unit <= 0n) return time;
      return { ...time, ns: whole(time.ns - noTime.ns + half(unit), unit) + noTime.ns };
    },
  };
}

/** The same time of day that many years, months and days later. */
function addDate(time: GoTime, [years = 0, months = 0, days = 0]: readonly number[]): GoTime {
  const { year, month, day, hour, minute, second, offset } = timeParts(time);
  const wall = Date.UTC(year + years, month - 1 + months, day + days, hour, minute, second);
  if (Number.isNaN(wall)) throw new TemplateError('a time is out of range');
  const at = (east: number): GoTime => ({
    ...time,
    ns: BigInt(wall - east * 1000) * 1_000_000n + BigInt(timeParts(time).nanosecond),
  });
  return at(timeParts(at(offset)).offset);
}

/** Methods of Go's time.Time that templates call, `(now).Year`. */
const timeMethods: ReadonlyMap<string, TimeMethod> = new Map<string, TimeMethod>([
  ['Year', part('year')],
  ['Month', { parameters: [], call: (time) => new Integer('time.Month', BigInt(timeParts(time).month)) }],
  ['Day', part('day')],
  [
    'Weekday',
    { parameters: [], call: (time) => new Integer('time.Weekday', BigInt(timeParts(time).weekday)) },
  ],
  ['YearDay', part('yearDay')],
  ['Hour', part('hour')],
  ['Minute', part('minute')],
  ['Second', part('second')],
  ['Nanosecond', part('nanosecond')],
  ['Unix', { parameters: [], call: (time) => new Integer('int64', unixSeconds(time)) }],
  ['UnixMilli', since(1_000_000n)],
  ['UnixMicro', since(1000n)],
  ['UnixNano', since(1n)],
  ['UTC', utc],
  ['Local', utc],
  ['IsZero', { parameters: [], call: ({ ns }) => ns === noTime.ns }],
  ['String', { parameters: [], call: formatGoTime }],
  ['Format', { parameters: ['string'], call: (time, [layout]) => formatTime(time, layout as string) }],
  ['Before', compared((a, b) => a < b)],
  ['After', compared((a, b) => a > b)],
  ['Equal', compared((a, b) => a === b)],
  ['Compare', compared((a, b) => (a < b ? -1n : a > b ? 1n : 0n))],
  ['Sub', compared((a, b) => wholeDuration(a - b))],
  [
    'Add',
    {
      parameters: ['time.Duration'],
      call: (time, [duration]) => ({ ...time, ns: time.ns + lengthOf(duration) }),
    },
  ],
  ['AddDate', { parameters: ['int', 'int', 'int'], call: (time, args) => addDate(time, args.map(Number)) }],
  ['Truncate', toMultiple(() => 0n)],
  ['Round', toMultiple((unit) => unit / 2n + (unit % 2n))],
]);

const nameMethods: ReadonlyMap<string, Method<Integer>> = new Map([
  ['String', { parameters: [], call: (value) => formatValue(value) }],
]);

const parts = (unit: number): Method<Integer> => ({
  parameters: [],
  call: ({ value }) => Number(value) / unit,
});
const wholeParts = (unit: bigint): Method<Integer> => ({
  parameters: [],
  call: ({ value }) => new Integer('int64', value / unit),
});
const durationToMultiple = (half: (unit: bigint) => bigint): Method<Integer> => ({
  parameters: ['time.Duration'],
  call: (duration, [multiple]) => {
    const [unit, size] = [lengthOf(multiple), duration.value < 0n ? -duration.value : duration.value];
    if (unit <= 0n) return duration;
    const rounded = whole(size + half(unit), unit);
    return wholeDuration(duration.value < 0n ? -rounded : rounded);
  },
});

const durationMethods: ReadonlyMap<string, Method<Integer>> = new Map([
  ...nameMethods,
  ['Hours', parts(3.6e12)],
  ['Minutes', parts(6e10)],
  ['Seconds', parts(1e9)],
  ['Milliseconds', wholeParts(1_000_000n)],
  ['Microseconds', wholeParts(1000n)],
  ['Nanoseconds', wholeParts(1n)],
  ['Abs', { parameters: [], call: ({ value }) => wholeDuration(value < 0n ? -value : value) }],
  ['Truncate', durationToMultiple(() => 0n)],
  ['Round', durationToMultiple((unit) => unit / 2n + (unit % 2n))],
]);

/** The method of this name that Go's type of a value has, on the value. */
export function methodOf(value: Value, name: string): Method<undefined> | undefined {
  const bound = <T>(of: T, method: Method<T> | undefined) =>
    method && {
      parameters: method.parameters,
      call: (_: undefined, args: readonly Value[]) => method.call(of, args),
    };
  if (value instanceof Integer) {
    if (value.type === 'time.Duration') return bound(value, durationMethods.get(name));
    return value.type.startsWith('time.') ? bound(value, nameMethods.get(name)) : undefined;
  }
  return isTime(value) ? bound(value, timeMethods.get(name)) : undefined;
}
