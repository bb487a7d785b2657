import { byteOrder } from '../../text/byte-order.js';
import { formatGoDuration } from '../../text/durations.js';
import { shortest } from './floats.js';
import { months, weekdays } from './layout.js';
import { formatGoTime } from './time.js';
import { Integer, isList, isMap, isTime, type Value } from './value.js';

/** Of a month, a weekday or a duration. */
export function nameOf({ type, value }: Integer): string | undefined {
  if (type === 'time.Month') return months[Number(value) - 1];
  if (type === 'time.Duration') return formatGoDuration(Number(value));
  return type === 'time.Weekday' ? weekdays[Number(value)] : undefined;
}

/** Any value as Go's `%v`. */
export function formatValue(value: Value): string {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '<nil>';
  if (typeof value === 'number') return shortest(value);
  if (value instanceof Integer) return nameOf(value) ?? String(value.value);
  if (isTime(value)) return formatGoTime(value);
  if (isList(value)) return `[${value.map(formatValue).join(' ')}]`;
  if (isMap(value)) {
    const entries = [...value].sort(([a], [b]) => byteOrder(a, b));
    return `map[${entries.map(([key, item]) => `${key}:${formatValue(item)}`).join(' ')}]`;
  }
  return String(value);
}
