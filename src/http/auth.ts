import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from './errors.js';

/** Where clients put keys; header names in lower case, as Node and gRPC metadata give them. */
interface Credentials {
  /** `Bearer <key>`, `Splunk <key>`, or `Basic` (Grafana's data sources) and `ApiKey` whose password is the key. */
  readonly authorization: string | undefined;
  /** The key itself. */
  readonly apiKey: string | undefined;
}

export type KeyCheckResult = 'ok' | 'missing' | 'wrong';
export type KeyCheck = (credentials: Credentials) => KeyCheckResult;

/** Digests have one length, so the comparison's time tells nothing about the key. */
function digest(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}

/** Accepts any of the keys that are set; with none set, everything. */
export function keyCheck(...keys: readonly (string | undefined)[]): KeyCheck {
  const accepted = keys.filter((key) => key !== undefined).map(digest);
  if (accepted.length === 0) return () => 'ok';
  return (credentials) => {
    const presented = presentedKey(credentials);
    if (presented === null) return 'missing';
    const candidate = digest(presented);
    // Every key is compared, so that the time does not tell which one came close.
    let match = false;
    for (const key of accepted) match = timingSafeEqual(key, candidate) || match;
    return match ? 'ok' : 'wrong';
  };
}

function presentedKey({ authorization, apiKey }: Credentials): string | null {
  if (apiKey) return apiKey;
  if (!authorization) return null;
  const [, scheme = '', value = ''] = /^(\S+)\s+(\S.*)$/.exec(authorization.trimEnd()) ?? [];
  switch (scheme.toLowerCase()) {
    case 'bearer':
    case 'splunk':
      return value;
    // Elasticsearch's clients send an id and the key after `apikey`, as basic auth has a user and a password.
    case 'apikey':
    case 'basic': {
      const decoded = Buffer.from(value, 'base64').toString('utf8');
      const colon = decoded.indexOf(':');
      return colon < 0 ? null : decoded.slice(colon + 1);
    }
    default:
      return null;
  }
}

export function deniedMessage(result: Exclude<KeyCheckResult, 'ok'>): string {
  return result === 'missing'
    ? 'an API key is required: send it as "Authorization: Bearer <key>" or "x-api-key: <key>"'
    : 'the API key is not valid';
}

function requestCredentials(request: FastifyRequest): Credentials {
  // The latter is Datadog's.
  const apiKey = request.headers['x-api-key'] ?? request.headers['dd-api-key'];
  return {
    authorization: request.headers.authorization,
    apiKey: Array.isArray(apiKey) ? apiKey[0] : apiKey,
  };
}

/** Whether a request brings a key that the check accepts. */
export function bringsKey(check: KeyCheck): (request: FastifyRequest) => boolean {
  return (request) => check(requestCredentials(request)) === 'ok';
}

function denied(result: Exclude<KeyCheckResult, 'ok'>): HttpError {
  return new HttpError(401, 'unauthenticated', deniedMessage(result), { 'www-authenticate': 'Bearer' });
}

/** Whether a request that brings no key may pass all the same; throws an HttpError when it must not. */
export type SessionCheck = (request: FastifyRequest) => boolean;

type Hook = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void;

/** An onRequest hook: throws a 401 HttpError, which the scope's error handler puts in its protocol's form. */
export function requireKey(check: KeyCheck, session?: SessionCheck): Hook {
  return (request, _reply, done) => done(refusal(request, check, session) ?? undefined);
}

function refusal(request: FastifyRequest, check: KeyCheck, session?: SessionCheck): HttpError | null {
  const result = check(requestCredentials(request));
  if (result === 'ok') return null;
  try {
    if (result === 'missing' && session?.(request)) return null;
  } catch (error) {
    if (error instanceof HttpError) return error;
    throw error;
  }
  return denied(result);
}

/**
 * The same, but answers by itself in the form that Prometheus's clients read (Loki's and Tempo's show it too),
 * so that it does not depend on what each query API does with foreign errors.
 */
export function requireQueryKey(check: KeyCheck, session?: SessionCheck): Hook {
  return (request, reply, done) => {
    const refused = refusal(request, check, session);
    if (refused === null) return done();
    const { statusCode, code, message, headers } = refused;
    void reply.code(statusCode).headers(headers).send({ status: 'error', errorType: code, error: message });
  };
}
