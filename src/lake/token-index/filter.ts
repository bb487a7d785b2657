import { bloomMayHave, bloomOf, mostBloomBytes } from './bloom.js';
import { fuseMayHave, fuseOf, type FuseShape } from './fuse.js';
import type { HashSet } from './hash-set.js';

/** Tells of a hash whether it may be in a set. */
export interface HashFilter {
  readonly bytes: Uint8Array;
  /** Null: it is a Bloom filter, as all of earlier releases are, and those of sets that are too large. */
  readonly fuse: FuseShape | null;
}

export function filterOf(hashes: HashSet): HashFilter {
  const fuse = fuseOf(hashes, mostBloomBytes);
  return fuse === null ? { bytes: bloomOf(hashes), fuse: null } : { bytes: fuse.bytes, fuse: fuse.shape };
}

export function mayHaveHash({ bytes, fuse }: HashFilter, hash: number): boolean {
  return fuse === null ? bloomMayHave(bytes, hash) : fuseMayHave({ bytes, shape: fuse }, hash);
}
