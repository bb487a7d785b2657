import type { Parameter } from './registry.js';
import { formatGoTime, formatTime, timeParts, unixSeconds } from './time.js';
import { Integer, noTime, type GoTime, type Value } from './value.js';

export interface TimeMethod {
  readonly parameters: readonly Parameter[];
  readonly call: (time: GoTime, args: readonly Value[]) => Value;
}

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

/** Methods of Go's time.Time that templates call, `(now).Year`. */
export const timeMethods: ReadonlyMap<string, TimeMethod> = new Map<string, TimeMethod>([
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
]);
