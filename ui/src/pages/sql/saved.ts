const storageKey = 'canardstack.sql';
const mostSaved = 100;

export interface Saved {
  readonly name: string;
  readonly sql: string;
}

/** Statements kept in this browser; empty when what is stored is none of ours. */
export function readSaved(): Saved[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(storageKey) ?? '[]');
    if (!Array.isArray(value)) return [];
    return value.filter(
      (one: Partial<Saved> | null): one is Saved =>
        typeof one?.name === 'string' && typeof one.sql === 'string',
    );
  } catch {
    return [];
  }
}

export function writeSaved(all: readonly Saved[]): void {
  localStorage.setItem(storageKey, JSON.stringify(all.slice(0, mostSaved)));
}
