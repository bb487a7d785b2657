import type { TableName } from '../../schema/index.js';

const most = 1000;

/** Attribute keys that queries have filtered or grouped by, for compaction to give them columns. */
export class AskedKeys {
  readonly #counts = new Map<TableName, Map<string, number>>();

  note(table: TableName, keys: Iterable<string>): void {
    let counts = this.#counts.get(table);
    if (!counts) this.#counts.set(table, (counts = new Map<string, number>()));
    for (const key of keys) {
      const before = counts.get(key);
      if (before !== undefined || counts.size < most) counts.set(key, (before ?? 0) + 1);
    }
  }

  /** Most wanted first. */
  of(table: TableName): string[] {
    const counts = [...(this.#counts.get(table) ?? [])];
    return counts.sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([key]) => key);
  }
}
