import { useCallback, useSyncExternalStore } from 'preact/compat';

/** Where the page is: `path` below `/ui/` ('' is the overview), and its parameters. */
export interface Location {
  readonly path: string;
  readonly params: URLSearchParams;
}

export type Changes = Readonly<Record<string, string | null | undefined>>;

/** Parameters that go along from page to page. */
const shared = ['from', 'to', 'refresh', 'tz'];

const listeners = new Set<() => void>();
let current = read();

function read(): Location {
  const { pathname, search } = window.location;
  return {
    path: decodeURIComponent(pathname.replace(/^\/(ui\/?)?/, '')),
    params: new URLSearchParams(search),
  };
}

function changed(): void {
  current = read();
  for (const listener of listeners) listener();
}

window.addEventListener('popstate', changed);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useLocation(): Location {
  return useSyncExternalStore(subscribe, () => current);
}

function applied(params: URLSearchParams, changes: Changes): URLSearchParams {
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === '') params.delete(name);
    else params.set(name, value);
  }
  return params;
}

function url(path: string, params: URLSearchParams): string {
  const query = params.toString();
  return `/${path === '' ? '' : `ui/${path}`}${query === '' ? '' : `?${query}`}`;
}

/** The address of a page with the time range and zone of this one. */
export function linkTo(path: string, parameters: Changes = {}): string {
  const params = new URLSearchParams();
  for (const name of shared) {
    const value = current.params.get(name);
    if (value !== null) params.set(name, value);
  }
  return url(path, applied(params, parameters));
}

export function go(href: string, replace = false): void {
  if (replace) window.history.replaceState(null, '', href);
  else window.history.pushState(null, '', href);
  changed();
}

/** Changes parameters of this page; with `replace` without a step of the browser's history. */
export function setParams(changes: Changes, replace = false): void {
  const href = url(current.path, applied(new URLSearchParams(current.params), changes));
  if (href !== url(current.path, current.params)) go(href, replace);
}

/** A parameter of the address as state; the fallback is not written into the address. */
export function useParam(name: string, fallback = ''): [string, (value: string, replace?: boolean) => void] {
  const value = useLocation().params.get(name) ?? fallback;
  const set = useCallback(
    (next: string, replace = false) => setParams({ [name]: next === fallback ? null : next }, replace),
    [name, fallback],
  );
  return [value, set];
}
