import { isUtf8 } from 'node:buffer';
import type { DecodeLimits } from '../../schema/index.js';
import { malformed } from '../errors.js';
import { addDocument, documentFields } from './document.js';
import type { Format, Given } from './format.js';
import { journalField, type JournalField } from './journal-fields.js';
import { LogRequest } from './log-request.js';
import { syslogSeverity } from './syslog-severity.js';

/** Fields of the journal that are of its machine and unit. */
const shared = ['_SYSTEMD_UNIT', '_SYSTEMD_USER_UNIT', '_MACHINE_ID', '_BOOT_ID'];
const fieldName = /^[A-Za-z0-9_]{1,64}$/;

type Fields = Map<string, unknown>;

/** Entries in systemd's Journal Export Format, each a record. Names of fields stay, but for those that OpenTelemetry has a name for. */
export const journald: Format = {
  column: 'journald',
  prepare(given) {
    const parameters = documentFields(new URLSearchParams(given.parameters));
    const documents = { ...parameters, stream: new Set([...parameters.stream, ...shared]) };
    const out = new LogRequest(given);
    for (const fields of entries(given)) {
      if (typeof fields === 'string') {
        out.reject(fields.startsWith('malformed') ? 'malformed' : 'too_many_elements', fields);
        continue;
      }
      const { document, severityNumber } = documentOf(fields);
      const why = addDocument(document, documents, out, [], severityNumber);
      if (why !== null) out.reject('malformed', why);
    }
    return out.finish();
  },
};

/** The fields of each entry, or why they can't be kept. */
function* entries({ body, limits }: Given): Generator<Fields | string> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let fields: Fields = new Map();
  let count = 0;
  let wrong: string | null = null;
  for (let pos = 0; pos < bytes.length;) {
    const field = journalField(bytes, pos);
    if (field === null) throw malformed(`the field of a journal's entry at byte ${pos} is not whole`);
    if (field !== 'entry') {
      count++;
      wrong ??= addField(bytes, field, fields, count, limits);
      pos = field.next;
      if (pos < bytes.length) continue;
    } else pos++;
    // Several empty lines are no entries.
    if (count > 0) yield wrong ?? fields;
    fields = new Map();
    count = 0;
    wrong = null;
  }
}

/** A name that comes again has a list of values. */
function addField(
  bytes: Buffer,
  { nameFrom, nameTo, valueFrom, valueTo }: JournalField,
  into: Fields,
  count: number,
  { maxRecordElements }: DecodeLimits,
): string | null {
  if (count > maxRecordElements) {
    return `too large: an entry has more than ${maxRecordElements} fields (CANARDSTACK_MAX_RECORD_ELEMENTS)`;
  }
  const name = bytes.toString('latin1', nameFrom, Math.min(nameTo, nameFrom + 100));
  if (!fieldName.test(name)) return `malformed: ${JSON.stringify(name)} is no name of a journal's field`;
  const raw = bytes.subarray(valueFrom, valueTo);
  const value = name === 'MESSAGE' || isUtf8(raw) ? raw.toString('utf8') : raw;
  const before = into.get(name);
  if (Array.isArray(before)) before.push(value);
  else into.set(name, before === undefined ? value : [before, value]);
  return null;
}

function documentOf(fields: Fields): { document: Record<string, unknown>; severityNumber?: number } {
  const take = (name: string): string | undefined => {
    const value = fields.get(name);
    if (typeof value !== 'string' || value === '') return undefined;
    fields.delete(name);
    return value;
  };
  const time = take('__REALTIME_TIMESTAMP');
  const unit = fields.get('_SYSTEMD_UNIT');
  const service =
    take('SYSLOG_IDENTIFIER') ?? (typeof unit === 'string' ? unit.replace(/\.service$/, '') : take('_COMM'));
  const host = take('_HOSTNAME');
  const severity = syslogSeverity(take('PRIORITY'));
  const message = fields.get('MESSAGE');
  fields.delete('MESSAGE');
  // Of the journal's file, not of the entry.
  for (const name of fields.keys()) if (name.startsWith('__')) fields.delete(name);
  // A Map's names may be any object's own, so not assigned.
  const document = Object.fromEntries([
    ...fields,
    ...(time === undefined ? [] : [['@timestamp', `${time}000`]]),
    ...(message === undefined ? [] : [['message', message]]),
    ...(service === undefined ? [] : [['service.name', service]]),
    ...(host === undefined ? [] : [['host.name', host]]),
    ...(severity === null ? [] : [['level', severity.text]]),
  ]) as Record<string, unknown>;
  return { document, ...(severity !== null && { severityNumber: severity.number }) };
}
