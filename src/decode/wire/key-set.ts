import { isUtf8 } from 'node:buffer';
import { keySlots } from './repeated-keys.js';
import type { Source } from './source.js';

const maxKeys = 1000;
const maxBytes = 16 * 1024;

/**
 * The keys that the attributes of a batch have, so that its file can tell them. A key that its slot holds already costs a
 * comparison of its bytes; it may have more keys than the rows that are kept, never fewer.
 */
export class KeySet {
  /** Where the bytes of each are. */
  readonly #keys = new Map<string, number>();
  readonly #bytes = new Uint8Array(maxBytes);
  readonly #view = new DataView(this.#bytes.buffer);
  #length = 0;
  /** By slot, 1 more than where the bytes of its key are; 0: none. */
  readonly #places = new Uint16Array(keySlots);
  readonly #lengths = new Uint16Array(keySlots);
  #nested = false;
  #known = true;

  /** `slot`: of the key's hash. */
  note(source: Source, pos: number, length: number, slot: number): void {
    const place = this.#places[slot]!;
    if (place === 0 || this.#lengths[slot] !== length) return this.#add(source, pos, length, slot);
    const known = this.#view;
    const { view } = source;
    let at = place - 1;
    if (length < 4) {
      for (let i = 0; i < length; i++) {
        if (known.getUint8(at + i) !== view.getUint8(pos + i)) return this.#add(source, pos, length, slot);
      }
      return;
    }
    // Four bytes at a time, and the last four, which overlap those before.
    const last = pos + length - 4;
    let difference = known.getInt32(at + length - 4, true) ^ view.getInt32(last, true);
    for (let i = pos; i < last; i += 4, at += 4)
      difference |= known.getInt32(at, true) ^ view.getInt32(i, true);
    if (difference !== 0) this.#add(source, pos, length, slot);
  }

  /** Some value is an object. */
  nest(): void {
    this.#nested = true;
  }

  #add(source: Source, pos: number, length: number, slot: number): void {
    if (!this.#known) return;
    const bytes = source.bytes.subarray(pos, pos + length);
    const full = this.#keys.size >= maxKeys || this.#length + length > maxBytes;
    if (full || !isUtf8(bytes)) {
      this.#known = false;
      return;
    }
    const key = Buffer.from(bytes).toString('utf8');
    let at = this.#keys.get(key);
    if (at === undefined) {
      at = this.#length;
      this.#bytes.set(bytes, at);
      this.#length += length;
      this.#keys.set(key, at);
    }
    this.#places[slot] = at + 1;
    this.#lengths[slot] = length;
  }

  /** What there was since the last time, and '' when some value is an object; null when that is not known. */
  take(): readonly string[] | null {
    const keys = this.#known ? [...this.#keys.keys(), ...(this.#nested ? [''] : [])] : null;
    this.#keys.clear();
    this.#length = 0;
    this.#places.fill(0);
    this.#nested = false;
    this.#known = true;
    return keys;
  }
}
