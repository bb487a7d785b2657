import { QueryError } from '../../../lake/query-error.js';
import type { QueryRequest } from '../../server/endpoint.js';
import { formatPrometheusDuration } from '../../text/durations.js';
import { formatDuration } from '../grammar/units.js';
import { Params } from '../../server/params.js';

const second = 1_000_000_000n;

/** The parameters of Loki's API: numbers are seconds up to 10 digits, nanoseconds beyond. */
export class LokiParams extends Params {
  constructor(request: Pick<QueryRequest, 'url' | 'body'>) {
    super(request, 'seconds or nanoseconds');
  }

  /** `start` and `end`; `since` counts from the end. Loki refuses ranges that are too long. */
  range(defaultSince: bigint, maxRangeMs: number): { start: bigint; end: bigint } {
    const end = this.time('end') ?? BigInt(Date.now()) * 1_000_000n;
    const start = this.time('start') ?? end - (this.duration('since') ?? defaultSince);
    if (end < start) {
      throw new QueryError('bad_data', 'end timestamp must not be before or equal to start time');
    }
    if (end - start > BigInt(maxRangeMs) * 1_000_000n) {
      const length = formatDuration(Number(end - start));
      const limit = formatPrometheusDuration(maxRangeMs * 1e6);
      throw new QueryError(
        'limit',
        `the query time range exceeds the limit (query length: ${length}, limit: ${limit})`,
      );
    }
    return { start, end };
  }

  /** Nanoseconds between steps; by default about 250 steps, and not below a second. */
  step(start: bigint, end: bigint): number {
    const step = this.duration('step');
    if (step === undefined) return Math.max(1, Math.floor(Number((end - start) / second) / 250)) * 1e9;
    if (step <= 0n) {
      throw new QueryError(
        'bad_data',
        'zero or negative query resolution step widths are not accepted. Try a positive integer',
      );
    }
    return Number(step);
  }
}

/** Structured metadata and parsed labels are to be shown apart from those of the stream. */
export function wantsCategories({ encodingFlags }: Pick<QueryRequest, 'encodingFlags'>): boolean {
  return encodingFlags.split(',').some((flag) => flag.trim() === 'categorize-labels');
}
