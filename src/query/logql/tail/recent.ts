import { hash } from 'node:crypto';
import type { LogEntry } from '../exec/logs.js';

/** Which entries a tail has had lately. Two of the same time, labels and line count as one, as they do in Loki. */
export class Recent {
  #now = new Set<string>();
  #before = new Set<string>();

  /** As many are remembered, and up to twice as many. */
  constructor(private readonly size: number) {}

  /** False when it was there before. */
  add({ timeNs, line, labels }: LogEntry): boolean {
    const own = labels.map(([name, value]) => [name, value]).sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
    const key = hash('sha256', JSON.stringify([String(timeNs), line, own]), 'base64').slice(0, 20);
    if (this.#now.has(key) || this.#before.has(key)) return false;
    this.#now.add(key);
    if (this.#now.size >= this.size) [this.#before, this.#now] = [this.#now, new Set()];
    return true;
  }
}
