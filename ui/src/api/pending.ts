import { useSyncExternalStore } from 'preact/compat';

/** Queries under way, with what cancels each. */
const running = new Map<symbol, { readonly cancel: () => void; readonly sinceMs: number }>();
const listeners = new Set<() => void>();
let oldest: number | null = null;

function changed(): void {
  const next = [...running.values()].reduce<number | null>(
    (least, { sinceMs }) => (least === null ? sinceMs : Math.min(least, sinceMs)),
    null,
  );
  if (next === oldest) return;
  oldest = next;
  for (const listener of listeners) listener();
}

export function started(cancel: () => void): symbol {
  const token = Symbol();
  running.set(token, { cancel, sinceMs: Date.now() });
  changed();
  return token;
}

export function finished(token: symbol): void {
  if (running.delete(token)) changed();
}

export function cancelAll(): void {
  for (const { cancel } of [...running.values()]) cancel();
  running.clear();
  changed();
}

/** Since when the oldest query runs; null when none does. */
export function usePendingSince(): number | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => oldest,
  );
}
