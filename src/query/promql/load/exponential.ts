import { allCounted, exponentialCounts } from '../../../schema/index.js';
import type { ExponentialPoint } from './histogram.js';
import type { Fragment } from '../../sql/fragment.js';
import type { SampleRequest } from './request.js';

/** The points of exponential histograms, by stream. */
export async function exponentialPoints(
  { ctx, yielder, account, id }: SampleRequest,
  stale: string,
  where: Fragment,
): Promise<Map<number, ExponentialPoint[]>> {
  const sql =
    `SELECT ${id}, epoch_us(timestamp)::DOUBLE, ${stale}, ${allCounted}, coalesce(scale, 0), ` +
    `coalesce(sum, 0), ${exponentialCounts.zero}, coalesce(zero_threshold, 0), coalesce(positive_offset, 0), ` +
    `${exponentialCounts.positive}, coalesce(negative_offset, 0), ${exponentialCounts.negative} ` +
    `FROM lake.main.metric_exponential_histogram WHERE ${where.sql}`;
  const byStream = new Map<number, ExponentialPoint[]>();
  for await (const chunk of ctx.session.stream(sql)) {
    for (let row = 0; row < chunk.rowCount; row++) {
      const cell = (column: number): unknown => chunk.columns[column]?.[row] ?? null;
      const number = (column: number) => (cell(column) as number | null) ?? 0;
      const list = (column: number) => (cell(column) as number[] | null) ?? [];
      const point: ExponentialPoint = {
        micros: number(1),
        stale: cell(2) === true,
        count: number(3),
        scale: number(4),
        sum: number(5),
        zeroCount: number(6),
        zeroThreshold: number(7),
        positiveOffset: number(8),
        positive: list(9),
        negativeOffset: number(10),
        negative: list(11),
      };
      const known = byStream.get(number(0));
      if (known) known.push(point);
      else byStream.set(number(0), [point]);
    }
    account(chunk.rowCount);
    if (yielder.due) await yielder.pause();
  }
  return byStream;
}
