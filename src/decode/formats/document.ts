import { promotedColumns } from '../../schema/index.js';
import { isObject } from './json-text.js';
import type { LogEntry, LogRequest } from './log-request.js';

/** Which fields of a document mean what; from the parameters of the request. */
export interface DocumentFields {
  readonly message: readonly string[];
  readonly time: readonly string[];
  readonly level: readonly string[];
  /** Made attributes of the resource; the others are the record's. */
  readonly stream: ReadonlySet<string>;
  readonly ignored: ReadonlySet<string>;
  readonly extra: readonly (readonly [string, string])[];
}

const usual = {
  message: ['message', '_msg', 'msg', 'log', 'event.original'],
  time: ['@timestamp', '_time', 'timestamp', 'time', 'ts'],
  level: ['log.level', 'level', 'severity', 'status', 'loglevel'],
};
const resource = [
  'service.name',
  'service.namespace',
  'service.instance.id',
  ...promotedColumns('logs').flatMap(({ keys }) => keys),
];
/** What names the service when `service.name` does not. */
const services = ['service', 'app', 'application', 'app_name'];
const maxDepth = 10;

/** `_msg_field`, `_time_field`, `_level_field`, `_stream_fields`, `ignore_fields`, `extra_fields`: as in VictoriaLogs, lists with commas. */
export function documentFields(parameters: URLSearchParams): DocumentFields {
  const list = (name: string) => (parameters.get(name) ?? '').split(',').filter((one) => one !== '');
  const either = (name: string, fallback: readonly string[]) => [...list(name), ...fallback];
  return {
    message: either('_msg_field', usual.message),
    time: either('_time_field', usual.time),
    level: either('_level_field', usual.level),
    stream: new Set([...list('_stream_fields'), ...resource]),
    ignored: new Set(list('ignore_fields')),
    extra: list('extra_fields').flatMap((one) => {
      const at = one.indexOf('=');
      return at > 0 ? [[one.slice(0, at), one.slice(at + 1)] as const] : [];
    }),
  };
}

/** Adds a document as a record; gives why it can't be one. Objects in it are fields with dots. */
export function addDocument(
  document: Record<string, unknown>,
  fields: DocumentFields,
  out: LogRequest,
  more: readonly (readonly [string, unknown])[] = [],
  severityNumber?: number,
): string | null {
  const flat = new Map<string, unknown>();
  flatten(document, '', flat, 0);
  const takeFirst = (names: readonly string[], fits: (value: unknown) => boolean): unknown => {
    for (const name of names) {
      const value = flat.get(name);
      if (value === undefined || value === null || !fits(value)) continue;
      flat.delete(name);
      return value;
    }
    return undefined;
  };
  const time = takeFirst(fields.time, (value) => typeof value === 'string' || typeof value === 'number');
  const timeNs = time === undefined || time === '' ? 0n : nanosecondsOf(time);
  if (timeNs === null)
    return `malformed: the time ${JSON.stringify(time).slice(0, 100)} is none that is known`;
  const body = takeFirst(fields.message, () => true);
  const level = takeFirst(fields.level, (value) => typeof value === 'string');
  const own: (readonly [string, unknown])[] = [];
  const shared: (readonly [string, unknown])[] = [];
  let named = false;
  const sort = (all: Iterable<readonly [string, unknown]>) => {
    for (const pair of all) {
      const [name] = pair;
      if (fields.ignored.has(name)) continue;
      named ||= name === 'service.name';
      (fields.stream.has(name) ? shared : own).push(pair);
    }
  };
  sort(flat);
  if (more.length > 0) sort(more);
  if (fields.extra.length > 0) sort(fields.extra);
  if (!named) {
    const service = services
      .map((name) => flat.get(name))
      .find((value) => typeof value === 'string' && value !== '');
    if (service !== undefined) shared.unshift(['service.name', service]);
  }
  out.resource(shared);
  const entry: LogEntry = {
    timeNs,
    attributes: own,
    ...(body !== undefined && { body }),
    ...(typeof level === 'string' && { severityText: level }),
    ...(severityNumber !== undefined && { severityNumber }),
  };
  out.record(entry);
  return null;
}

function flatten(
  object: Record<string, unknown>,
  prefix: string,
  into: Map<string, unknown>,
  depth: number,
): void {
  for (const [name, value] of Object.entries(object)) {
    const key = prefix === '' ? name : `${prefix}.${name}`;
    if (isObject(value) && !(value instanceof Uint8Array) && depth < maxDepth)
      flatten(value, key, into, depth + 1);
    else into.set(key, value);
  }
}

/** As most loggers write it, to milliseconds; Date.parse knows it at once. */
const usualTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A time as loggers write it: RFC 3339, or a number of seconds, milli-, micro- or nanoseconds by its size; null for others. */
export function nanosecondsOf(time: unknown): bigint | null {
  if (typeof time === 'number') return fromNumber(time);
  if (typeof time !== 'string') return null;
  if (time.length === 24 && usualTime.test(time)) {
    const ms = Date.parse(time);
    if (!Number.isNaN(ms)) return BigInt(ms) * 1_000_000n;
  }
  if (/^\d+(\.\d+)?$/.test(time)) return /^\d{17,19}$/.test(time) ? BigInt(time) : fromNumber(Number(time));
  const found = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)?\s*(Z|z|[+-]\d\d:?\d\d)?$/.exec(
    time,
  );
  if (!found) return null;
  const [, day, clock, fraction = '', zone = 'Z'] = found;
  const at = zone === 'z' ? 'Z' : zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2');
  const ms = Date.parse(`${day}T${clock}${at}`);
  return Number.isNaN(ms) ? null : BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

function fromNumber(value: number): bigint | null {
  if (!Number.isFinite(value) || value < 0) return null;
  if (value < 1e11) return BigInt(Math.round(value * 1e6)) * 1000n;
  if (value < 1e14) return BigInt(Math.round(value * 1e3)) * 1000n;
  return value < 1e17 ? BigInt(Math.round(value)) * 1000n : BigInt(Math.round(Math.min(value, 1.8e19)));
}
