import { unkept } from '../../../../lake/metadata/layout.js';
import type { ListingView, MetadataRequest } from '../../../../lake/session.js';
import { Labels, metricName } from '../../../series/labels.js';
import type { QueryContext, QueryLimits } from '../../../server/guard.js';
import { derived, keepDerived } from '../../../sql/derived.js';
import { keptRows, listed, unlessTooMany } from '../../../sql/listing.js';
import { metadataSource } from '../../../sql/metadata.js';
import type { Window } from '../../plan/times.js';
import { metadataWindow } from '../predicates.js';
import { familiesOf, spanMetricNames } from './families.js';
import { kinds, statuses } from './statements.js';

/** What these metrics are listed by; undefined where there are none. */
export function spanListing(
  { spanMetrics }: Pick<QueryLimits, 'spanMetrics'>,
  window: Window,
): MetadataRequest | undefined {
  if (spanMetrics === null) return undefined;
  return { kind: 'span_resources', ...metadataWindow(window), weighed: false };
}

/**
 * Label sets of all of these metrics without a look at each span: services, names, kinds and statuses of spans as the metadata cache has them.
 * Gives a list that is the same as long as they are, or calls `each` where they are too many for that. `listing`: what was told of `spanListing`.
 */
export async function possibleSeries(
  ctx: QueryContext,
  window: Window,
  each: (labels: Labels) => void,
  listing?: ListingView | null,
): Promise<readonly Labels[] | null> {
  const { spanMetrics } = ctx.limits;
  if (spanMetrics === null) return noLabels;
  const columns = ['service_name', 'span_name', 'coalesce(span_kind, 0)', 'coalesce(status_code, 0)'];
  const query = { kind: 'span_resources', window: metadataWindow(window), columns, where: 'TRUE' } as const;
  const { maxRows } = ctx.limits;
  const found = await unlessTooMany(listed(ctx.session, { ...query, maxRows }, listing));
  if (found !== null) {
    const asked = JSON.stringify(['span metrics', spanMetrics.dimensions]);
    const known = derived<Labels>(found, asked);
    if (known !== undefined) return known;
    const possible = new PossibleSeries(spanMetrics.dimensions, maxRows);
    const all = found.flatMap(({ values }) => possible.add(values));
    return keepDerived(found, asked, [...all, ...possible.others()]);
  }
  const possible = new PossibleSeries(spanMetrics.dimensions, maxRows);
  const from = await metadataSource(ctx.session, query.kind, query.window);
  for await (const chunk of ctx.session.stream(`SELECT DISTINCT ${columns.join(', ')} FROM ${from}`)) {
    for (let row = 0; row < chunk.rowCount; row++) {
      for (const labels of possible.add(chunk.columns.map((column) => column[row] ?? null))) each(labels);
    }
  }
  for (const labels of possible.others()) each(labels);
  return null;
}

const noLabels: readonly Labels[] = [];

/** Label sets that tell together which labels and values these metrics have. */
class PossibleSeries {
  readonly #kinds = new Set<number>();
  readonly #statuses = new Set<number>();
  readonly #services = new Set<string>();
  readonly #pairs = new Set<string>();

  constructor(
    private readonly dimensions: readonly string[],
    private readonly mostPairs: number,
  ) {}

  add(values: readonly unknown[]): Labels[] {
    const [service, name, kind, status] = values as [string | null, string | null, unknown, unknown];
    this.#services.add(service ?? '');
    this.#kinds.add(Number(kind));
    this.#statuses.add(Number(status));
    const pair = JSON.stringify([service, name]);
    if (this.#pairs.has(pair)) return [];
    // Beyond that some come more than once.
    if (this.#pairs.size < this.mostPairs) this.#pairs.add(pair);
    return [
      Labels.of([
        ['service', service ?? ''],
        ['span_name', name ?? ''],
      ]),
    ];
  }

  *others(): Generator<Labels> {
    if (this.#services.size === 0) return;
    for (const kind of this.#kinds) yield Labels.of([['span_kind', kinds[kind] ?? `SPAN_KIND_${kind}`]]);
    for (const status of this.#statuses) {
      yield Labels.of([['status_code', statuses[status] ?? `STATUS_CODE_${status}`]]);
    }
    for (const { metrics, le } of familiesOf(this.dimensions)) {
      for (const { name, part } of metrics) {
        const bounds = part === 'bucket' ? le : [''];
        for (const bound of bounds) {
          yield Labels.of([
            [metricName, name],
            ['le', bound],
          ]);
        }
      }
    }
    for (const service of this.#services) {
      yield Labels.of([
        ['client', service],
        ['server', service],
      ]);
    }
  }
}

const noNames: readonly string[] = [];

/** Names of these metrics, where there are spans in the window. `listing`: what was told of `spanListing`. */
export async function spanMetricNamesIn(
  ctx: QueryContext,
  window: Window,
  listing?: ListingView | null,
): Promise<readonly string[]> {
  if (ctx.limits.spanMetrics === null) return noNames;
  const within = metadataWindow(window);
  const query = { kind: 'span_resources', window: within, columns: ['1'], where: 'TRUE' } as const;
  const kept = await keptRows(ctx.session, { ...query, maxRows: 1 }, false, listing);
  const rows =
    kept ?? (await ctx.session.rows(`SELECT 1 FROM ${unkept('span_resources', within.where)} LIMIT 1`));
  return rows.length > 0 ? spanMetricNames : noNames;
}
