import { promotedColumns } from '../../../schema/index.js';
import { literal as text } from '../../sql/literal.js';

/** The stream label of records whose resource has no service.name, as Loki's OTLP ingestion names it. */
export const unknownService = 'unknown_service';

const promoted = promotedColumns('logs');

/** Columns that identify a stream; the only labels that the label browser lists. */
export const streamColumns: readonly string[] = [
  'service_name',
  'service_namespace',
  'service_instance_id',
  ...promoted.map((attribute) => attribute.column),
];

/** Resource attributes that a column already shows. */
export const columnKeys: ReadonlySet<string> = new Set([
  'service.name',
  'service.namespace',
  'service.instance.id',
  ...promoted.filter((attribute) => attribute.from === 'resource').flatMap((attribute) => attribute.keys),
]);

/** Columns of attribute JSON; where two have the same name, the first wins. */
export const attributeColumns = ['log_attributes', 'scope_attributes', 'resource_attributes'] as const;
export type AttributeColumn = (typeof attributeColumns)[number];

const levels: readonly (readonly [level: string, from: number, texts: readonly string[]])[] = [
  ['trace', 1, ['trace', 'trc', 'trace2', 'trace3', 'trace4']],
  ['debug', 5, ['debug', 'dbg', 'debug2', 'debug3', 'debug4']],
  ['info', 9, ['info', 'inf', 'information', 'informational', 'notice', 'info2', 'info3', 'info4']],
  ['warn', 13, ['warn', 'wrn', 'warning', 'warn2', 'warn3', 'warn4']],
  ['error', 17, ['error', 'err', 'eror', 'error2', 'error3', 'error4']],
  ['fatal', 21, ['fatal', 'critical', 'crit', 'panic', 'emerg', 'alert', 'fatal2', 'fatal3', 'fatal4']],
];

/**
 * The level by which Grafana colours, as it was found at ingest. Rows written before there was such a column have that
 * of severity_number, else of severity_text, else `unknown`: nothing is looked for in their lines. Lists, as each IN
 * would be a join of its own.
 */
export const levelSql = `coalesce(detected_level, CASE ${levels
  .map(([level, from]) => `WHEN severity_number BETWEEN ${from} AND ${from + 3} THEN '${level}'`)
  .join(' ')} ELSE CASE ${levels
  .map(
    ([level, , texts]) =>
      `WHEN list_contains([${texts.map(text).join(', ')}], lower(severity_text)) THEN '${level}'`,
  )
  .join(' ')} ELSE 'unknown' END END)`;

/** The same of a record whose column has none. `number` as text; both null where there is none. */
export function levelOf(number: string | null, text: string | null): string {
  const severity = Number(number ?? 0);
  const byNumber = levels.find(([, from]) => severity >= from && severity <= from + 3);
  const lower = text?.toLowerCase() ?? '';
  return (byNumber ?? levels.find(([, , texts]) => texts.includes(lower)))?.[0] ?? 'unknown';
}

/** Metadata labels that are columns or made of them: name and a nullable VARCHAR expression. */
export const metadataColumns: readonly { readonly name: string; readonly sql: string }[] = [
  { name: 'detected_level', sql: levelSql },
  { name: 'severity_text', sql: 'severity_text' },
  { name: 'severity_number', sql: 'nullif(severity_number, 0)::VARCHAR' },
  { name: 'trace_id', sql: 'trace_id' },
  { name: 'span_id', sql: 'span_id' },
  { name: 'event_name', sql: 'event_name' },
  { name: 'scope_name', sql: 'scope_name' },
  { name: 'scope_version', sql: 'scope_version' },
];

/** A stream column as a nullable VARCHAR expression. */
export function streamSql(column: string): string {
  return column === 'service_name' ? `coalesce(service_name, '${unknownService}')` : column;
}
