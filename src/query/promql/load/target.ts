import { unkept } from '../../../lake/metadata/layout.js';
import type { QueryContext } from '../../server/guard.js';
import type { Labels } from '../../series/labels.js';
import type { Window } from '../plan/times.js';
import { targetInfoLabels } from './identity.js';
import { matchesAll } from '../../series/matchers.js';
import { and, type Fragment } from '../../sql/fragment.js';
import { metadataSource } from '../../sql/metadata.js';
import { inWindow, metadataWindow } from './predicates.js';
import type { SampleRequest } from './request.js';
import { metricTables, type MetricTable } from './sources.js';
import { targetColumns } from './target-columns.js';
import { SeriesBuilder, type SampleSeries } from '../../series/samples.js';

const columns = targetColumns;

function resources(where: Fragment): string {
  return metricTables
    .map((table) => `SELECT timestamp, ${columns.join(', ')} FROM lake.main.${table} WHERE ${where.sql}`)
    .join(' UNION ALL ');
}

/**
 * `target_info`, value 1, for each resource that sent metrics: one sample a minute in which it did, at the
 * time of its last point. A resource without job and instance, or with no other attribute, has none.
 */
export async function loadTargetInfo(request: Omit<SampleRequest, 'source' | 'id'>): Promise<SampleSeries[]> {
  const { ctx, yielder, account, matchers, window } = request;
  const sql =
    `SELECT epoch_us(max(timestamp))::DOUBLE, ${columns.join(', ')} FROM (${resources(inWindow(window))}) ` +
    `GROUP BY epoch_us(timestamp) // 60_000_000, ${columns.join(', ')}`;
  const builders = new Map<string, SeriesBuilder | null>();
  for await (const chunk of ctx.session.stream(sql)) {
    for (let row = 0; row < chunk.rowCount; row++) {
      const cells = columns.map((_, i) => (chunk.columns[i + 1]?.[row] ?? null) as string | null);
      const key = JSON.stringify(cells);
      let builder = builders.get(key);
      if (builder === undefined) {
        const labels = targetInfoLabels((name) => cells[columns.indexOf(name)] ?? null);
        builder = labels && matchesAll(labels, matchers) ? new SeriesBuilder(labels, false) : null;
        builders.set(key, builder);
      }
      builder?.push(chunk.columns[0]?.[row] as number, 1);
    }
    account(chunk.rowCount);
    if (yielder.due) await yielder.pause();
  }
  return [...builders.values()].flatMap((builder) => builder?.finish() ?? []);
}

/** Rows of a table: all, or those that `rest` selects. */
export interface Rows {
  readonly table: MetricTable;
  readonly rest?: string;
}

/** What to select the label sets of these rows in the window from. */
export async function targetRows(ctx: QueryContext, window: Window, { table, rest }: Rows): Promise<string> {
  const within = metadataWindow(window);
  return rest === undefined
    ? metadataSource(ctx.session, table, within)
    : unkept(table, and([within.where, rest]));
}

/** The label sets of `target_info` that rows in the window have. */
export async function targetInfoSeries(
  request: Omit<SampleRequest, 'source' | 'account' | 'id'>,
  rows: readonly Rows[],
): Promise<Labels[]> {
  const { ctx, matchers, window } = request;
  const parts: string[] = [];
  for (const some of rows) {
    parts.push(`SELECT DISTINCT ${columns.join(', ')} FROM ${await targetRows(ctx, window, some)}`);
  }
  const sql = parts.join(' UNION ');
  const found = new Map<string, Labels>();
  for await (const chunk of ctx.session.stream(sql)) {
    for (let row = 0; row < chunk.rowCount; row++) {
      const labels = targetInfoLabels(
        (name) => (chunk.columns[columns.indexOf(name)]?.[row] ?? null) as string | null,
      );
      if (labels && matchesAll(labels, matchers)) found.set(labels.key, labels);
    }
  }
  return [...found.values()];
}
