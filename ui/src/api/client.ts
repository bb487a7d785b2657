export type ErrorKind = 'network' | 'sign-in' | 'query' | 'server';

/** What a request came to when it did not succeed; the message is the server's own. */
export class ApiError extends Error {
  constructor(
    readonly kind: ErrorKind,
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export type Params = Readonly<Record<string, string | number | boolean | null | undefined>>;

interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  readonly method?: string;
  readonly body?: unknown;
}

let csrf: string | null = null;
let onSignInNeeded: () => void = () => undefined;

/** The token of the session's cookie, sent with what changes anything. */
export function setToken(token: string | null): void {
  csrf = token;
}

export function whenSignInNeeded(action: () => void): void {
  onSignInNeeded = action;
}

function address(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** Rejects with ApiError, or with the signal's AbortError. */
async function request(path: string, options: RequestOptions): Promise<Response> {
  const headers: Record<string, string> = {};
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  if (options.method !== undefined && csrf !== null) headers['x-canardstack-csrf'] = csrf;
  let response: Response;
  try {
    response = await fetch(path, {
      method: options.method ?? 'GET',
      headers,
      signal: options.signal ?? null,
      credentials: 'same-origin',
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError('network', 0, 'The server does not answer.');
  }
  return response;
}

async function failure(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  const kind = response.status === 401 ? 'sign-in' : response.status >= 500 ? 'server' : 'query';
  if (kind === 'sign-in') onSignInNeeded();
  return new ApiError(kind, response.status, messageOf(text) ?? `The server answered ${response.status}.`);
}

/** Each API has its own form of errors: Prometheus', the admin API's, Tempo's and Loki's (plain text). */
function messageOf(text: string): string | null {
  try {
    const body = JSON.parse(text) as { error?: string | { message?: string }; message?: string };
    const { error, message } = body;
    return typeof error === 'string' ? error : (error?.message ?? message ?? null);
  } catch {
    return text.trim() === '' ? null : text.trim();
  }
}

export async function getText(path: string, params?: Params, signal?: AbortSignal): Promise<string> {
  const response = await request(address(path, params), { signal });
  if (!response.ok) throw await failure(response);
  return await response.text();
}

export async function getJson<T>(path: string, params?: Params, signal?: AbortSignal): Promise<T> {
  return await answer<T>(await request(address(path, params), { signal }));
}

export async function sendJson<T>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  return await answer<T>(await request(path, { method, body, signal }));
}

async function answer<T>(response: Response): Promise<T> {
  if (!response.ok) throw await failure(response);
  return (response.status === 204 ? null : await response.json()) as T;
}
