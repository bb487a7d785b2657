/** Bodies that lie or want too much, by each protocol beside OTLP, and the form that each answers in. */
import { gzipSync } from 'node:zlib';
import { compressSync } from 'snappy';
import { doors, type Door } from '../doors/doors.js';

export interface HostileBody {
  readonly door: Door;
  readonly what: string;
  readonly body: Uint8Array;
  /** As `content-encoding` says. */
  readonly encoding: 'identity' | 'gzip' | 'snappy';
  /** Nothing of it can be kept. */
  readonly refused: boolean;
}

/** More than a body may be once decompressed. */
const bombBytes = 80 * 1024 * 1024;
const resource = { 'service.name': 'hostile' };

/** A length of 4 GiB before a few bytes. */
const lyingSnappy = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x41);
/** One byte is told and sixty come. */
const longerSnappy = Uint8Array.of(1, 59 << 2, ...new Uint8Array(60));

export function hostileBodies(): HostileBody[] {
  const bomb = gzipSync(Buffer.alloc(bombBytes, ' '), { level: 1 });
  return doors.flatMap((door) => ofDoor(door, bomb));
}

function ofDoor(door: Door, bomb: Uint8Array): HostileBody[] {
  const ms = Date.now();
  const good = door.body(resource, [
    { ms, id: 'a record', level: 'info', value: 1.5, attributes: { text: 'marked', n: 12345 } },
  ]);
  const encode = (body: Uint8Array) => (door.snappy ? compressSync(Buffer.from(body)) : body);
  const encoding = door.snappy ? 'snappy' : 'identity';
  const own = (what: string, body: Uint8Array | string, refused: boolean): HostileBody => ({
    door,
    what,
    body: encode(Buffer.from(body)),
    encoding,
    refused,
  });
  const gzip = gzipSync(good);
  const all: HostileBody[] = [
    { door, what: 'a gzip bomb', body: bomb, encoding: 'gzip', refused: true },
    { door, what: 'half of gzip', body: gzip.subarray(0, gzip.length >> 1), encoding: 'gzip', refused: true },
    { door, what: 'plain as gzip', body: good, encoding: 'gzip', refused: true },
    { door, what: 'snappy of 4 GiB', body: lyingSnappy, encoding: 'snappy', refused: true },
    { door, what: 'snappy longer than told', body: longerSnappy, encoding: 'snappy', refused: true },
    own('a byte repeated', new Uint8Array(200).fill(0xff), true),
    own('half of a good one', good.subarray(0, good.length - 5), false),
    own(
      'text that is not UTF-8',
      replaced(good, 'marked', Uint8Array.of(0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80)),
      false,
    ),
    own('control characters', replaced(good, 'marked', new Uint8Array(6)), false),
  ];
  if (door.snappy) {
    // A message of field 1 whose length is past the end, at several depths.
    const past = Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x07, 0x0a, 0x01);
    return [
      ...all,
      own('a length past the end', past, true),
      own('a group', Uint8Array.of(0x0b, 0x0c, 0x0e), true),
    ];
  }
  const text = Buffer.from(good).toString();
  const number = (value: string) => text.replaceAll(/12345|\b1\.5\b/g, value);
  return [
    ...all,
    own('brackets', '['.repeat(100_000), true),
    own('objects in objects', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`, true),
    own('brackets in a value', text.replace('"marked"', '['.repeat(2000) + ']'.repeat(2000)), false),
    own('1e999', number('1e999'), false),
    own('a number of 400 digits', number('9'.repeat(400)), false),
    own('times beyond all', text.replaceAll(String(ms), '9'.repeat(18)), false),
    own(
      'a time of the year 99999',
      text.replaceAll(new Date(ms).toISOString(), '+99999-01-01T00:00:00Z'),
      false,
    ),
    own('__proto__', text.replaceAll('"text":', '"__proto__":'), false),
    own('constructor', text.replaceAll('"text":"marked"', '"constructor":{"prototype":{"a":1}}'), false),
  ];
}

function replaced(body: Uint8Array, text: string, by: Uint8Array): Uint8Array {
  const out = Uint8Array.from(body);
  const at = Buffer.from(out.buffer).indexOf(text);
  if (at >= 0) out.set(by.subarray(0, text.length), at);
  return out;
}

/** What is wrong with the answer to one; null when nothing is. */
export function wrongAnswer(
  { door, what, refused }: HostileBody,
  status: number,
  type: string,
  text: string,
): string | null {
  const said = `${door.name}, ${what}: ${status} ${text.slice(0, 200)}`;
  if (status < 200 || status >= 500) return said;
  if (/\n\s+at |node:internal|\.js:\d+/.test(text)) return `${said}: a stack trace`;
  if (status < 300) return refused && !/"errors":true/.test(text) ? `${said}: taken` : null;
  if (![400, 413, 415].includes(status)) return said;
  return inOwnForm(door.name, status, type, text) ? null : `${said}: not in the protocol's form`;
}

function inOwnForm(name: string, status: number, type: string, text: string): boolean {
  switch (name) {
    case 'elasticsearch_bulk': {
      const answer = JSON.parse(text) as { error?: { type?: string; reason?: string }; status?: number };
      return answer.status === status && Boolean(answer.error?.type && answer.error.reason);
    }
    case 'datadog_json':
      return Boolean((JSON.parse(text) as { errors?: { detail?: string }[] }).errors?.[0]?.detail);
    case 'splunk_hec': {
      const { text: why, code } = JSON.parse(text) as { text?: string; code?: number };
      return typeof why === 'string' && why !== '' && typeof code === 'number';
    }
    default:
      return type.startsWith('text/plain') && text.length > 0;
  }
}
