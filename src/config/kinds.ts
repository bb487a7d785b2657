import { z } from 'zod';
import { DsnError, parseDsn } from './postgres-dsn.js';
import { parseDuration, parseSize } from './units.js';

/** What a setting may be: its zod schema and the same thing in words, for messages and docs. */
export interface Kind<S extends z.ZodType = z.ZodType> {
  readonly schema: S;
  readonly allowed: string;
}

interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** A timer takes at most 2^31 - 1 milliseconds. */
export const maxTimerMs = 2 ** 31 - 1;

function whole(what: string, parse: (text: string) => number | null, { min = 1, max }: Range) {
  const limit = max ?? Number.MAX_SAFE_INTEGER;
  return z.union([z.number(), z.string()], { error: `is not a ${what}` }).transform((value, ctx): number => {
    const parsed = typeof value === 'number' ? value : parse(value);
    let problem: string | null = null;
    if (parsed === null || !Number.isFinite(parsed)) problem = `is not a ${what}`;
    else if (!Number.isInteger(parsed)) problem = 'is not a whole number in its unit';
    else if (parsed < min) problem = `is below ${min}`;
    else if (parsed > limit) problem = `is above ${limit}`;
    if (problem === null) return parsed as number;
    ctx.addIssue({ code: 'custom', message: problem });
    return z.NEVER;
  });
}

function plainNumber(text: string): number | null {
  return /^[+-]?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : null;
}

function integer({ min = 1, max }: Range): string {
  if (max !== undefined) return `a whole number from ${min} to ${max}`;
  return min === 1 ? 'a positive integer' : `an integer from ${min} up`;
}

export function count(range: Range = {}) {
  return { schema: whole('number', plainNumber, range), allowed: integer(range) };
}

export function bytes(range: Range = {}) {
  return {
    schema: whole('size', parseSize, range),
    allowed: `${integer(range)} (bytes), or a size such as 512MiB, 1GB, 64k`,
  };
}

export function milliseconds(range: Range = { max: maxTimerMs }) {
  return {
    schema: whole('number', (text) => parseDuration(text, 1), range),
    allowed: `${integer({ min: range.min ?? 1 })} (milliseconds), or a duration such as 500ms, 30s, 5m`,
  };
}

/** A century: in nanoseconds it fits a signed 64-bit integer on either side of today. */
const maxSeconds = 100 * 365 * 86_400;

export function seconds(range: Range = {}) {
  const bounded = { max: maxSeconds, ...range };
  return {
    schema: whole('number', (text) => parseDuration(text, 1000), bounded),
    allowed: `${integer(bounded)} (seconds), or a duration such as 30s, 5m, 1h, 2d`,
  };
}

const yes = ['true', '1', 'yes', 'on'];
const no = ['false', '0', 'no', 'off'];

export function flag() {
  return {
    schema: z
      .union([z.boolean(), z.string(), z.number()], { error: 'is not true or false' })
      .transform((value, ctx): boolean => {
        const text = String(value).toLowerCase();
        if (yes.includes(text)) return true;
        if (no.includes(text)) return false;
        ctx.addIssue({ code: 'custom', message: 'is not true or false' });
        return z.NEVER;
      }),
    allowed: 'true or false (also yes/no, on/off, 1/0)',
  };
}

export function oneOf<const T extends readonly [string, ...string[]]>(...values: T) {
  return {
    schema: z.enum(values, { error: 'is not one of the allowed words' }),
    allowed: values.join(', '),
  };
}

function isAddress(text: string): boolean {
  const match = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):(\d{1,5})$/.exec(text);
  return match !== null && Number(match[1]) <= 65_535;
}

export function address() {
  return {
    schema: z.string({ error: 'is not host:port' }).refine(isAddress, { error: 'is not host:port' }),
    allowed: 'host:port, or [IPv6]:port',
  };
}

export function addressOrOff() {
  return {
    schema: z
      .string({ error: 'is neither host:port nor "off"' })
      .refine((text) => text === 'off' || isAddress(text), { error: 'is neither host:port nor "off"' }),
    allowed: 'host:port, or off',
  };
}

export function text(what: string) {
  return {
    schema: z
      .string({ error: 'is not a text' })
      .min(1, { error: 'is empty' })
      .refine(isPrintable, { error: 'holds a control character' }),
    allowed: what,
  };
}

// eslint-disable-next-line no-control-regex -- it is about them
const isPrintable = (text: string) => !/[\x00-\x1f\x7f]/.test(text);

/** What an HTTP header and gRPC's metadata can carry. */
export function key(what: string) {
  return {
    schema: z
      .string({ error: 'is not a text' })
      .min(8, { error: 'is shorter than 8 characters' })
      .refine((text) => /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text), {
        error:
          'holds what no header can carry: a line break or control character, a space at an end, or no ASCII',
      }),
    allowed: `${what} of at least 8 printable ASCII characters on one line`,
  };
}

/** An address with an optional scheme and port and nothing more; null for any other text. */
export function endpointUrl(text: string, scheme: 'http' | 'https'): URL | null {
  const given = /^https?:\/\//i.test(text) ? text : `${scheme}://${text}`;
  // A URL's parser leaves line breaks out.
  if (!isPrintable(text) || !URL.canParse(given)) return null;
  const url = new URL(given);
  return url.pathname === '/' && !url.search && !url.username && !url.hash ? url : null;
}

export function endpoint() {
  const error = 'is not a host with an optional scheme and port';
  return {
    schema: z.string({ error }).refine((text) => endpointUrl(text, 'https') !== null, { error }),
    allowed: 'a host, host:port, or an http:// or https:// address',
  };
}

export function region() {
  return {
    schema: z
      .string({ error: 'is not a text' })
      .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i, { error: 'is not the name of a region' }),
    allowed: 'a region',
  };
}

/** Of a catalog that a server has; files are named by another setting. */
export function attachUri() {
  const error = 'is neither ducklake:quack:host:port nor ducklake:postgres:<connection string>';
  return {
    schema: z
      .string({ error: 'is not a text' })
      .refine((text) => isPrintable(text) && /^(?:ducklake:)?(?:quack|postgres):./.test(text), { error }),
    allowed: 'a DuckLake URI of a catalog server (quack) or of PostgreSQL',
  };
}

export function postgresDsn() {
  return {
    schema: z.string({ error: 'is not a text' }).superRefine((text, ctx) => {
      try {
        if (parseDsn(text).size > 0) return;
        ctx.addIssue({ code: 'custom', message: 'is empty' });
      } catch (error) {
        if (!(error instanceof DsnError)) throw error;
        ctx.addIssue({ code: 'custom', message: `is ${error.message}` });
      }
    }),
    allowed: 'a libpq connection string',
  };
}

export function httpUrl() {
  return {
    schema: z.url({ protocol: /^https?$/, error: 'is not an http:// or https:// address' }),
    allowed: 'an http:// or https:// address',
  };
}

export function headerList() {
  return {
    schema: z.string({ error: 'is not a text' }).refine(isHeaderList, {
      error: 'is not a list of name=value pairs',
    }),
    allowed: 'name=value pairs with commas between, values percent-encoded',
  };
}

function isHeaderList(list: string): boolean {
  try {
    parseHeaderList(list);
    return true;
  } catch {
    return false;
  }
}

/** `k=v,k=v` as OTEL_EXPORTER_OTLP_HEADERS has it; values are percent-decoded. Throws on anything else. */
export function parseHeaderList(list: string): Record<string, string> {
  const out: Record<string, string> = {};
  for (const pair of list.split(',')) {
    if (pair.trim() === '') continue;
    const at = pair.indexOf('=');
    const name = pair.slice(0, at).trim();
    if (at < 1 || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
      throw new Error('not a list of name=value pairs');
    out[name.toLowerCase()] = decodeURIComponent(pair.slice(at + 1).trim());
  }
  return out;
}

/** Attribute keys that may stand in a list and in a JSON path as they are. */
export function keyList() {
  return {
    schema: z
      .string({ error: 'is not a text' })
      .regex(/^[A-Za-z0-9_.\-/]{1,100}(,[A-Za-z0-9_.\-/]{1,100})*$/, {
        error: 'is not a list of attribute keys',
      }),
    allowed:
      'attribute keys of letters, digits, "_", ".", "-" and "/", at most 100 characters each, with commas between',
  };
}

export function originList() {
  return {
    schema: z.string({ error: 'is not a text' }).superRefine((list, ctx) => {
      const origins = parseOriginList(list);
      if (origins.length === 0) ctx.addIssue({ code: 'custom', message: 'names no origin' });
      for (const origin of origins) {
        if (origin === '*' || origin === 'null' || /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@]+$/i.test(origin))
          continue;
        ctx.addIssue({
          code: 'custom',
          message: `has ${JSON.stringify(origin.slice(0, 100))}, which is neither an origin (scheme://host or scheme://host:port) nor *`,
        });
        return;
      }
    }),
    allowed: 'origins with commas between, such as https://shop.example or https://*.example.com, or *',
  };
}

export function parseOriginList(list: string): string[] {
  return list
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '');
}
