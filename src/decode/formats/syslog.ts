import { malformed } from '../errors.js';
import type { Format, Given } from './format.js';
import { LogRequest } from './log-request.js';
import { nanosecondsOf } from './document.js';
import { syslogSeverity } from './syslog-severity.js';

const facilities =
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock local0 local1 local2 local3 local4 local5 local6 local7'.split(
    ' ',
  );
const rfc5424 =
  /^<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) (\S+) (?:-|((?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+))(?: (?:\uFEFF)?([^]*))?$/;
const rfc3164 =
  /^<(\d{1,3})>(?:([A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d(?:\.\d{1,9})?|\d{4}-\d\d-\d\dT\S+) (\S+) )?(?:([^\s:[\]]{1,100})(?:\[([^\]]{1,100})\])?: ?)?([^]*)$/;

const bareTag = /^([^\s:[\]]{1,100})\[([^\]]{1,100})\] ([^]*)$/;

/** Messages of RFC 5424 and RFC 3164, each behind its length and a space (RFC 6587, octet counting), as the receiver joins them. */
export const syslog: Format = {
  column: 'syslog',
  prepare(given) {
    const out = new LogRequest(given);
    for (const message of messages(given)) add(message, given, out);
    return out.finish();
  },
};

function* messages({ body }: Given): Generator<string> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  for (let pos = 0; pos < bytes.length;) {
    const space = bytes.indexOf(0x20, pos);
    const length = space < 0 ? NaN : Number(bytes.toString('latin1', pos, space));
    if (!Number.isInteger(length) || length < 0 || space + 1 + length > bytes.length) {
      throw malformed(`no length of a message at byte ${pos}`);
    }
    yield bytes.toString('utf8', space + 1, space + 1 + length);
    pos = space + 1 + length;
  }
}

function add(message: string, given: Given, out: LogRequest): void {
  const modern = rfc5424.exec(message);
  if (modern) {
    const [, priority, time, host, app, process, id, data = '', text = ''] = modern;
    const attributes = [
      ...common(priority),
      ...given_('proc_id', process),
      ...given_('msg_id', id),
      ...structured(data),
    ];
    return record(out, { priority, timeNs: nanosecondsOf(time) ?? 0n, host, app, text, attributes });
  }
  const old = rfc3164.exec(message);
  if (!old)
    return record(out, {
      priority: undefined,
      timeNs: 0n,
      host: '-',
      app: '-',
      text: message,
      attributes: [],
    });
  const [, priority, time, host, ...rest] = old;
  // Behind a host some write their tag without a colon.
  const [app, process, text = ''] =
    rest[0] === undefined && time !== undefined ? (bareTag.exec(rest[2] ?? '')?.slice(1) ?? rest) : rest;
  const attributes = [...common(priority), ...given_('proc_id', process)];
  record(out, { priority, timeNs: timeOf(time, given.receivedAtNs), host, app, text, attributes });
}

interface Parsed {
  readonly priority: string | undefined;
  readonly timeNs: bigint;
  readonly host: string | undefined;
  readonly app: string | undefined;
  readonly text: string;
  readonly attributes: [string, string][];
}

function record(out: LogRequest, { priority, timeNs, host, app, text, attributes }: Parsed): void {
  out.resource([...given_('service.name', app), ...given_('host.name', host)]);
  const severity = syslogSeverity(priority);
  out.record({
    timeNs,
    body: text.replace(/\n$/, ''),
    attributes,
    ...(severity !== null && { severityNumber: severity.number, severityText: severity.text }),
  });
}

/** `-` stands for nothing. */
function given_(name: string, value: string | undefined): [string, string][] {
  return value === undefined || value === '-' || value === '' ? [] : [[name, value]];
}

function common(priority: string | undefined): [string, string][] {
  return given_('facility', facilities[Number(priority) >> 3]);
}

/** `[id a="1"]` as `id.a`. */
function structured(data: string): [string, string][] {
  const out: [string, string][] = [];
  for (const [, id = '', inner = ''] of data.matchAll(
    /\[([^\s\]]+)((?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*)\]/g,
  )) {
    // Names begin behind what is none, or each letter of a long one would be tried.
    for (const [, name = '', value = ''] of inner.matchAll(/(?<![^\s="])([^\s="]+)="((?:[^"\\]|\\.)*)"/g)) {
      out.push([`${id}.${name}`, value.replace(/\\(["\\\]])/g, '$1')]);
    }
  }
  return out;
}

/** A time of RFC 3164 has neither year nor zone: the year that brings it nearest to its receipt, and UTC. */
function timeOf(time: string | undefined, receivedAtNs: bigint): bigint {
  if (time === undefined) return 0n;
  if (/^\d/.test(time)) return nanosecondsOf(time) ?? 0n;
  const [whole = '', fraction = ''] = time.split('.');
  const received = Number(receivedAtNs / 1_000_000n);
  const year = new Date(received).getUTCFullYear();
  const near = [year - 1, year, year + 1]
    .map((one) => Date.parse(`${whole.replace(/ {2}/, ' ')} ${one} UTC`))
    .filter((ms) => !Number.isNaN(ms))
    .sort((a, b) => Math.abs(a - received) - Math.abs(b - received))[0];
  return near === undefined ? 0n : BigInt(near) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}
