import type { AttributeText } from '../wire/attributes.js';
import type { ColumnWriter } from './column-writer.js';

/** Attributes that get columns of their own: finds them by key and remembers where their values lie. */
export class PromotedValues {
  /** How many attributes there are. */
  readonly slots: number;
  /** Where the value of each attribute lies, -1 when absent. */
  readonly #positions: Int32Array;
  readonly #ends: Int32Array;
  /** Whether any was found since `reset`. */
  found = false;
  readonly #ranks: Int32Array;
  /** Candidates by key length. */
  readonly #keys: (readonly Candidate[] | undefined)[] = [];

  constructor(
    private readonly writer: ColumnWriter,
    attributes: readonly { readonly keys: readonly string[] }[],
  ) {
    this.slots = attributes.length;
    this.#positions = new Int32Array(attributes.length).fill(-1);
    this.#ends = new Int32Array(attributes.length);
    this.#ranks = new Int32Array(attributes.length);
    for (const [slot, attribute] of attributes.entries()) {
      for (const [rank, key] of attribute.keys.entries()) {
        this.#keys[key.length] = [...(this.#keys[key.length] ?? []), { slot, rank, key: Buffer.from(key) }];
      }
    }
  }

  reset(): void {
    if (!this.found) return;
    this.#positions.fill(-1);
    this.found = false;
  }

  /** Makes `attributes` find the value of an attribute; false when it has none. */
  find(slot: number, attributes: AttributeText): boolean {
    const pos = this.#positions[slot]!;
    if (pos < 0) return false;
    attributes.find(pos, this.#ends[slot]!);
    return attributes.valuePos >= 0;
  }

  /** An AttributeVisitor. */
  readonly visit = (keyPos: number, keyLength: number, valuePos: number, valueEnd: number): void => {
    const candidates = this.#keys[keyLength];
    if (candidates === undefined) return;
    const bytes = this.writer.source.bytes;
    for (const { slot, rank, key } of candidates) {
      let i = 0;
      // Keys of one length mostly differ at their ends.
      while (i < keyLength && bytes[keyPos + keyLength - 1 - i] === key[keyLength - 1 - i]) i++;
      if (i < keyLength) continue;
      // Of one key the last counts, also when it has no value.
      if (this.#positions[slot]! >= 0 && this.#ranks[slot]! < rank) continue;
      if (valuePos < 0 && this.#positions[slot]! < 0) continue;
      this.#positions[slot] = valuePos;
      this.#ends[slot] = valueEnd;
      this.#ranks[slot] = rank;
      this.found = true;
    }
  };
}

interface Candidate {
  readonly slot: number;
  readonly rank: number;
  readonly key: Uint8Array;
}
