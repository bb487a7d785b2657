import type { HashSet } from './hash-set.js';

/** Twelve bits and six probes a hash: one of 300 that are not there seems to be. */
const bitsPerHash = 12;
const probes = 6;
/** Of a filter. With more hashes than fit it errs more often. */
export const mostBloomBytes = 512 * 1024;

/** A Bloom filter of a set of hashes. */
export function bloomOf(hashes: HashSet): Uint8Array {
  const bytes = Math.min(mostBloomBytes, Math.max(8, Math.ceil((hashes.size * bitsPerHash) / 8)));
  const bloom = new Uint8Array(bytes);
  hashes.each((hash) => add(bloom, hash));
  return bloom;
}

/** The bits of a hash are those of two others, one after the other. */
export function bloomMayHave(bloom: Uint8Array, hash: number): boolean {
  const bits = bloom.length * 8;
  const step = stepOf(hash);
  let at = hash;
  for (let i = 0; i < probes; i++, at = (at + step) >>> 0) {
    const bit = at % bits;
    if (((bloom[bit >> 3] as number) & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}

function add(bloom: Uint8Array, hash: number): void {
  const bits = bloom.length * 8;
  const step = stepOf(hash);
  let at = hash;
  for (let i = 0; i < probes; i++, at = (at + step) >>> 0) {
    const bit = at % bits;
    bloom[bit >> 3] = (bloom[bit >> 3] as number) | (1 << (bit & 7));
  }
}

function stepOf(hash: number): number {
  return (Math.imul(hash, 0x9e3779b1) | 1) >>> 0;
}
