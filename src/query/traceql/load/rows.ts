import { mayHaveColumn } from '../../../lake/attribute-columns/index.js';
import { rowsOfTable } from '../../../lake/direct/rows.js';
import type { RowsRequest } from '../../../lake/session.js';
import type { QueryContext } from '../../server/guard.js';
import type { Field } from '../model/field.js';
import type { TimeRange } from '../model/time.js';

export const always: TimeRange = { start: -(2n ** 63n), end: 2n ** 63n };

/**
 * What to select spans of a range from: the columns of the table, and those by which `fieldSource` names these fields.
 * `needed`: only spans are asked for that have these values of attributes, as JSON text by key; `only`: as the request says; where a trace is asked for of which there is nothing, the answer is empty.
 */
export async function spanRows(
  ctx: QueryContext,
  range: TimeRange | null,
  fields: readonly Field[] = [],
  needed: ReadonlyMap<string, string> = new Map(),
  only: Pick<RowsRequest, 'endsFrom' | 'traceId'> = {},
): Promise<string> {
  const names = fields.flatMap((field) =>
    field.kind === 'attribute' && (field.scope === 'span' || field.scope === 'none') ? [field.name] : [],
  );
  const keys = [...new Set(names)].filter(mayHaveColumn);
  const equal = keys.map((key) => needed.get(key) ?? null);
  const { start, end } = range ?? always;
  const request = {
    table: 'spans',
    from: start,
    until: end,
    keys,
    equal,
    ...only,
  } as const;
  const rows = await ctx.session.rowsOf?.(request);
  return rows ?? (keys.length === 0 ? 'lake.spans' : rowsOfTable(request));
}
