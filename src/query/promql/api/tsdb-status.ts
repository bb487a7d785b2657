import { QueryError } from '../../../lake/query-error.js';
import type { QueryContext } from '../../server/guard.js';
import type { Params } from '../../server/params.js';
import type { Answer } from '../../server/reply.js';
import { metricName } from '../../series/labels.js';
import { byteOrder } from '../../text/byte-order.js';
import { goInteger } from '../../text/go-integers.js';
import { eachSeries } from './series.js';

/** About what Prometheus has in its head block. */
const headMs = 2 * 3_600_000;
const mostEntries = 10_000;

/**
 * GET /api/v1/status/tsdb: how many series there are of each name and label, over the last two hours, the largest
 * first. Bytes and chunks are those of Prometheus' memory, of which there is none.
 */
export async function tsdbStatus(ctx: QueryContext, params: Params): Promise<Answer> {
  const given = goInteger(params.text('limit') ?? '10', 'Atoi');
  const limit = typeof given === 'object' ? 0 : Number(given);
  if (limit < 1) throw new QueryError('bad_data', 'limit must be a positive number');
  if (limit > mostEntries) throw new QueryError('bad_data', `limit must not exceed ${mostEntries}`);
  const to = Date.now();
  const seen = new Set<string>();
  const names = new Map<string, number>();
  const pairs = new Map<string, number>();
  const values = new Map<string, Set<string>>();
  await eachSeries(ctx, [], { from: to - headMs, to }, (labels) => {
    if (seen.has(labels.key) || seen.size >= ctx.limits.maxSeries) return;
    seen.add(labels.key);
    count(names, labels.get(metricName));
    for (const [name, value] of labels.entries()) {
      count(pairs, `${name}=${value}`);
      const known = values.get(name) ?? new Set();
      values.set(name, known.add(value));
    }
  });
  const largest = (counts: Iterable<[string, number]>) =>
    [...counts]
      .sort((a, b) => b[1] - a[1] || byteOrder(a[0], b[0]))
      .slice(0, limit)
      .map(([name, value]) => ({ name, value }));
  const data = {
    headStats: {
      numSeries: seen.size,
      numLabelPairs: pairs.size,
      chunkCount: 0,
      minTime: to - headMs,
      maxTime: to,
    },
    seriesCountByMetricName: largest(names),
    labelValueCountByLabelName: largest([...values].map(([name, own]) => [name, own.size])),
    memoryInBytesByLabelName: [],
    seriesCountByLabelValuePair: largest(pairs),
  };
  return { data };
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
