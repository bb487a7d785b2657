import type { Labels } from '../../series/labels.js';
import { resourceColumns, targetInfoLabels } from './identity.js';
import { matchesAll } from '../../series/matchers.js';
import type { Fragment } from '../../sql/fragment.js';
import { metadataSource } from '../../sql/metadata.js';
import { inWindow, metadataWindow } from './predicates.js';
import type { SampleRequest } from './request.js';
import { metricTables } from './sources.js';
import { SeriesBuilder, type SampleSeries } from '../../series/samples.js';

const columns = [...resourceColumns, 'resource_attributes'];

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

/** The label sets of `target_info` in the window. */
export async function targetInfoSeries(
  request: Omit<SampleRequest, 'source' | 'account' | 'id'>,
): Promise<Labels[]> {
  const { ctx, matchers, window } = request;
  const parts: string[] = [];
  for (const table of metricTables) {
    const from = await metadataSource(ctx.session, table, metadataWindow(window));
    parts.push(`SELECT DISTINCT ${columns.join(', ')} FROM ${from}`);
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
