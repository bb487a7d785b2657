import type { Labels } from '../../series/labels.js';
import type { Part } from './sources.js';
import { partSeries, type Stream } from './streams.js';

/** A stream that some file has, with what was made of it once. */
export class KnownStream {
  readonly #parts = new Map<Part, readonly Labels[]>();

  constructor(
    readonly stream: Stream,
    /** Of all that this thread knows of the table. */
    readonly number: number,
  ) {}

  series(part: Part): readonly Labels[] {
    let labels = this.#parts.get(part);
    if (labels === undefined) {
      labels = partSeries(part, this.stream);
      this.#parts.set(part, labels);
    }
    return labels;
  }
}
