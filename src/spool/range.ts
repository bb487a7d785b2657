import type { Payload } from '../schema/index.js';

/** Where a record lies in its stream: logical byte offsets that only grow, over all segments. */
export interface SpoolRange {
  readonly start: number;
  readonly end: number;
}

export interface SpoolEntry extends SpoolRange {
  readonly payload: Payload;
}
