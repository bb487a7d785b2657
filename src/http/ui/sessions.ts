import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { keyCheck, type KeyCheck } from '../auth.js';
import { HttpError } from '../errors.js';

/** What a session may do: the query APIs, or these and the admin API. */
export type SessionRole = 'query' | 'admin';

export interface Session {
  readonly role: SessionRole;
  /** To be sent as `x-canardstack-csrf` with what changes anything. */
  readonly csrf: string;
  readonly expiresMs: number;
}

const cookieName = 'canardstack_session';
const sessionMs = 12 * 3_600_000;
const mostSessions = 10_000;

const failureWindowMs = 60_000;
const mostFailures = 10;
const mostAddresses = 10_000;

/**
 * Sessions of signed-in browsers, in memory: they end with the process, when signed out, or after twelve hours. A
 * stolen copy of the table opens nothing, for it holds digests of the cookies' values.
 */
export class Sessions {
  private readonly sessions = new Map<string, Session>();
  private readonly failures = new Map<string, { count: number; sinceMs: number }>();
  private readonly adminCheck: KeyCheck;
  private readonly queryCheck: KeyCheck;

  constructor(
    private readonly keys: { readonly apiKey: string | undefined; readonly adminApiKey: string | undefined },
    private readonly now: () => number = Date.now,
  ) {
    this.adminCheck = keyCheck(keys.adminApiKey ?? keys.apiKey);
    this.queryCheck = keyCheck(keys.apiKey);
  }

  /** Whether the query APIs, and the admin API, ask for a key. */
  get asked(): { readonly query: boolean; readonly admin: boolean } {
    const query = this.keys.apiKey !== undefined;
    return { query, admin: query || this.keys.adminApiKey !== undefined };
  }

  /** The new session and its cookie's value; null when the key is wrong. 429 after too many of those from one address. */
  signIn(address: string, key: string): { session: Session; value: string } | null {
    const from = network(address);
    this.assertMayTry(from);
    const credentials = { authorization: undefined, apiKey: key };
    const admin = this.asked.admin && this.adminCheck(credentials) === 'ok';
    const query = this.asked.query && this.queryCheck(credentials) === 'ok';
    if (!admin && !query) {
      this.countFailure(from);
      return null;
    }
    const value = randomBytes(32).toString('base64url');
    const session: Session = {
      role: admin ? 'admin' : 'query',
      csrf: randomBytes(32).toString('base64url'),
      expiresMs: this.now() + sessionMs,
    };
    this.add(value, session);
    return { session, value };
  }

  signOut(request: FastifyRequest): void {
    const value = cookieOf(request);
    if (value !== null) this.sessions.delete(digest(value));
  }

  of(request: FastifyRequest): Session | null {
    const value = cookieOf(request);
    const session = value === null ? undefined : this.sessions.get(digest(value));
    return session && session.expiresMs > this.now() ? session : null;
  }

  /** Whether a request without a key has a session that may do this. Throws 403 for a change that another page could have made. */
  allows(request: FastifyRequest, role: SessionRole): boolean {
    const session = this.of(request);
    if (session === null || (role === 'admin' && session.role !== 'admin')) return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') assertOwnPage(request, session);
    return true;
  }

  private add(value: string, session: Session): void {
    for (const [key, { expiresMs }] of this.sessions) {
      // Oldest first: what is behind the first that lasts, and within the bound, stays.
      if (expiresMs > this.now() && this.sessions.size < mostSessions) break;
      this.sessions.delete(key);
    }
    this.sessions.set(digest(value), session);
  }

  private assertMayTry(from: string): void {
    const failed = this.failures.get(from);
    if (failed === undefined || failed.count < mostFailures) return;
    const leftMs = failed.sinceMs + failureWindowMs - this.now();
    if (leftMs <= 0) {
      this.failures.delete(from);
      return;
    }
    const seconds = Math.ceil(leftMs / 1000);
    throw new HttpError(
      429,
      'too_many_requests',
      `too many wrong keys from this address (${mostFailures} within a minute): try again in ${seconds} s`,
      { 'retry-after': String(seconds) },
    );
  }

  private countFailure(from: string): void {
    const failed = this.failures.get(from);
    if (failed && failed.sinceMs + failureWindowMs > this.now()) {
      failed.count += 1;
      return;
    }
    this.failures.delete(from);
    if (this.failures.size >= mostAddresses) {
      const [oldest] = this.failures.keys();
      if (oldest !== undefined) this.failures.delete(oldest);
    }
    this.failures.set(from, { count: 1, sinceMs: this.now() });
  }
}

/** 403 unless the request has the session's token and comes from a page of this server. */
export function assertOwnPage(request: FastifyRequest, session: Session): void {
  assertSameOrigin(request);
  const given = request.headers['x-canardstack-csrf'];
  const token = Buffer.from(typeof given === 'string' ? given : '');
  const wanted = Buffer.from(session.csrf);
  if (token.length === wanted.length && timingSafeEqual(token, wanted)) return;
  throw new HttpError(
    403,
    'forbidden',
    'with a session cookie, what changes anything needs its x-canardstack-csrf header: reload the page',
  );
}

export function assertSameOrigin(request: FastifyRequest): void {
  const site = request.headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  throw new HttpError(403, 'forbidden', 'a page of another site made this request');
}

/** `value` null takes the cookie away. */
export function sessionCookie(value: string | null, secure: boolean): string {
  const attributes = [
    'Path=/',
    'HttpOnly',
    'SameSite=Strict',
    `Max-Age=${value === null ? 0 : sessionMs / 1000}`,
  ];
  if (secure) attributes.push('Secure');
  return [`${cookieName}=${value ?? ''}`, ...attributes].join('; ');
}

function cookieOf(request: FastifyRequest): string | null {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = pair.trim().split('=', 2);
    if (name === cookieName && value) return value;
  }
  return null;
}

function digest(value: string): string {
  return hash('sha256', value, 'base64url');
}

/** Whoever has one IPv6 address has all of its /64. */
function network(address: string): string {
  return address.includes(':') && !address.includes('.') ? address.split(':').slice(0, 4).join(':') : address;
}
