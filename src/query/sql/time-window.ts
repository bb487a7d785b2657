import { exactly, type Fragment } from './fragment.js';

const earliestMs = BigInt(Date.parse('0001-01-01T00:00:00Z'));
const latestMs = BigInt(Date.parse('9999-12-31T23:59:59Z'));

/** A TIMESTAMP literal of the microsecond that holds these nanoseconds since the epoch; years 1 to 9999. */
export function timestamp(nanoseconds: bigint): string {
  const micros = floor(nanoseconds, 1000n);
  const millis = clamp(floor(micros, 1000n));
  const rest = millis === floor(micros, 1000n) ? micros - millis * 1000n : 0n;
  const iso = new Date(Number(millis)).toISOString();
  return `TIMESTAMP '${iso.slice(0, 10)} ${iso.slice(11, 23)}${String(rest).padStart(3, '0')}'`;
}

/**
 * `from <= time < until` in nanoseconds since the epoch. `timestamp` (microseconds) is the partition and the sort
 * column, so its bounds prune files; `exact` names the column of nanoseconds beside it. Without one the bounds
 * have to be whole microseconds.
 */
export function timeWindow(from: bigint, until: bigint, exact?: string): Fragment {
  const [first, last] = [timestamp(from), timestamp(until - 1n)];
  const rough = `timestamp >= ${first} AND timestamp <= ${last}`;
  return exactly(exact === undefined ? rough : `${rough} AND ${exact} >= ${from} AND ${exact} < ${until}`);
}

function floor(value: bigint, unit: bigint): bigint {
  return value / unit - (value % unit < 0n ? 1n : 0n);
}

function clamp(millis: bigint): bigint {
  return millis < earliestMs ? earliestMs : millis > latestMs ? latestMs : millis;
}
