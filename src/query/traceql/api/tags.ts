import { mayHaveColumn } from '../../../lake/attribute-columns/index.js';
import { metadataColumns, type MetadataKind } from '../../../lake/metadata/layout.js';
import type { ValuesSource } from '../../../lake/session.js';
import { parseTypedJson } from '../../attributes/typed-json.js';
import type { QueryContext } from '../../server/guard.js';
import { and } from '../../sql/fragment.js';
import { keptRows, unlessTooMany } from '../../sql/listing.js';
import { byteOrder } from '../../text/byte-order.js';
import type { ListedRow } from '../../sql/projections.js';
import type { MetadataWindow } from '../../sql/metadata.js';
import { spanRows } from '../load/rows.js';
import { fieldSource, type Field } from '../model/field.js';
import { intrinsics, listedIntrinsics } from '../model/intrinsics.js';
import { startsWithin, type TimeRange } from '../model/time.js';
import { display, fromJson, kindNames, statusNames, type Value } from '../model/value.js';
import { exprFields } from '../plan/fields.js';
import { filterSql, neededValues } from '../plan/filter.js';
import type { FieldExpr } from '../syntax/ast.js';
import { parseSpansetQuery } from '../syntax/parser.js';

export const tagScopes = ['resource', 'span', 'intrinsic', 'event', 'link', 'instrumentation'] as const;
export type TagScope = (typeof tagScopes)[number];

/** The columns of the attributes of a scope. */
const keyColumns: Record<Exclude<TagScope, 'intrinsic'>, string> = {
  resource: 'resource_attributes',
  instrumentation: 'scope_attributes',
  span: 'span_attributes',
  event: 'events_json',
  link: 'links_json',
};

/** Where the attribute objects of a scope lie; `DISTINCT` first where few differ. */
const keySources: Record<Exclude<TagScope, 'intrinsic'>, (from: string, where: string) => string> = {
  resource: (from, where) => `SELECT DISTINCT resource_attributes AS a FROM ${from} WHERE ${where}`,
  instrumentation: (from, where) => `SELECT DISTINCT scope_attributes AS a FROM ${from} WHERE ${where}`,
  span: (from, where) => `SELECT span_attributes AS a FROM ${from} WHERE ${where}`,
  event: (from, where) =>
    `SELECT unnest(json_extract(events_json, '$[*].attributes')) AS a
     FROM ${from} WHERE events_json IS NOT NULL AND ${where}`,
  link: (from, where) =>
    `SELECT unnest(json_extract(links_json, '$[*].attributes')) AS a
     FROM ${from} WHERE links_json IS NOT NULL AND ${where}`,
};

export interface TagOptions {
  readonly range: TimeRange;
  readonly limit: number;
  readonly filter: FieldExpr | null;
}

/** What was found, and whether rows of spans were read for it. */
export interface Found<T> {
  readonly found: T[];
  readonly rows: boolean;
}

/** The attribute names of each scope that spans in the range have, in order. */
export async function tagNames(
  ctx: QueryContext,
  scopes: readonly TagScope[],
  options: TagOptions,
): Promise<Found<{ readonly name: TagScope; readonly tags: string[] }>> {
  const listsKeys = scopes.some((scope) => scope !== 'intrinsic');
  const kept = listsKeys ? await keptKeys(ctx, options) : null;
  const found: { name: TagScope; tags: string[] }[] = [];
  let rows = false;
  for (const name of scopes) {
    const names = await namesOf(ctx, name, options, kept);
    found.push({ name, tags: names.found });
    rows ||= names.rows;
  }
  return { found, rows };
}

async function namesOf(
  ctx: QueryContext,
  scope: TagScope,
  options: TagOptions,
  kept: readonly ListedRow[] | null,
): Promise<Found<string>> {
  if (scope === 'intrinsic') return { found: [...listedIntrinsics], rows: false };
  const { limit } = options;
  const known = kept?.flatMap(({ values: [origin, key] }) =>
    origin === keyColumns[scope] ? [key as string] : [],
  );
  const { found: names, rows } = known ? { found: known, rows: false } : await readNames(ctx, scope, options);
  names.sort(byteOrder).splice(limit);
  if (scope === 'resource' && !names.includes('service.name') && names.length < limit) {
    names.push('service.name');
  }
  return { found: names, rows };
}

async function readNames(
  ctx: QueryContext,
  scope: Exclude<TagScope, 'intrinsic'>,
  options: TagOptions,
): Promise<Found<string>> {
  const kept = await metadata(ctx, 'span_keys', options);
  const keys =
    kept === null
      ? `SELECT DISTINCT unnest(json_keys(a)) AS key FROM (${keySources[scope](await from(ctx, options), where(options))})`
      : `SELECT DISTINCT key FROM ${kept} WHERE origin = '${keyColumns[scope]}'`;
  const rows = await ctx.session.rows(`${keys} ORDER BY key LIMIT ${options.limit}`, [], options.limit);
  return { found: rows.map((row) => row['key'] as string), rows: kept === null };
}

/** Spans without a filter are told by their metadata, where these are kept. Null where they are too many to hold, too. */
async function keptKeys(ctx: QueryContext, { range, filter }: TagOptions): ReturnType<typeof keptRows> {
  if (filter) return null;
  const query = {
    kind: 'span_keys',
    window: windowOf(range),
    columns: ['origin', 'key'],
    where: 'TRUE',
  } as const;
  const { maxRows } = ctx.limits;
  return unlessTooMany(keptRows(ctx.session, { ...query, maxRows }));
}

/** The same to select from. */
async function metadata(
  ctx: QueryContext,
  kind: MetadataKind,
  { range, filter }: TagOptions,
): Promise<string | null> {
  if (filter) return null;
  const request = { kind, ...windowOf(range), weighed: kind === 'span_resources' };
  return (await ctx.session.metadata?.(request)) ?? null;
}

function windowOf(range: TimeRange): MetadataWindow {
  return { from: range.start, until: range.end, where: startsWithin(range).sql };
}

/** Of spans' own attributes, where it is known how often each of their values occurs. */
async function countedValues(
  ctx: QueryContext,
  field: Field,
  range: TimeRange,
): Promise<ValuesSource | null> {
  if (field.kind !== 'attribute' || field.scope !== 'span' || field.parent || !mayHaveColumn(field.name))
    return null;
  const { start: from, end: until } = range;
  const request = { table: 'spans', from, until, where: startsWithin(range).sql, key: field.name } as const;
  return (await ctx.session.valuesOf?.(request)) ?? null;
}

function from(ctx: QueryContext, { range, filter }: TagOptions, ...fields: Field[]): Promise<string> {
  const named = filter ? exprFields(filter) : [];
  return spanRows(ctx, range, [...fields, ...named], filter ? neededValues(filter) : undefined);
}

function where({ range, filter }: TagOptions): string {
  const time = startsWithin(range).sql;
  return filter ? and([time, filterSql(filter).sql]) : time;
}

/** The values of a field that spans in the range have, the most frequent first. */
export async function tagValues(ctx: QueryContext, field: Field, options: TagOptions): Promise<Found<Value>> {
  const fixed = fixedValues(field);
  if (fixed) return { found: fixed, rows: false };
  const expression = valueExpression(field);
  if (!expression) return { found: [], rows: false };
  const { value, condition, columns } = expression;
  const values = new Map<string, Value>();
  const ofResource = columns?.every((column) => resourceColumns.has(column)) ?? false;
  const kept =
    ofResource && options.filter === null ? await keptValues(ctx, value, condition, options) : null;
  const { found, rows } = kept
    ? { found: kept, rows: false }
    : await readValues(ctx, field, value, condition, options, ofResource);
  for (const raw of found) {
    const parsed = expression.json
      ? fromJson(parseTypedJson(raw))
      : ({ type: 'string', value: raw } as const);
    for (const one of parsed.type === 'array' ? parsed.values : [parsed]) {
      if (one.type !== 'nil' && one.type !== 'map') values.set(`${one.type} ${display(one)}`, one);
    }
  }
  return { found: [...values.values()].slice(0, options.limit), rows };
}

/** As text, the most frequent first. */
async function keptValues(
  ctx: QueryContext,
  value: string,
  condition: string,
  { range, limit }: TagOptions,
): Promise<string[] | null> {
  const query = { kind: 'span_resources', window: windowOf(range), columns: [value], weighed: true } as const;
  const where = `${condition} AND ${value} IS NOT NULL`;
  const { maxRows } = ctx.limits;
  const rows = await unlessTooMany(keptRows(ctx.session, { ...query, where, maxRows }));
  const text = ({ values }: ListedRow) => values[0] as string;
  const ordered = rows?.toSorted((a, b) => b.records - a.records || byteOrder(text(a), text(b)));
  return ordered?.slice(0, limit).map(text) ?? null;
}

async function readValues(
  ctx: QueryContext,
  field: Field,
  value: string,
  condition: string,
  options: TagOptions,
  ofResource: boolean,
): Promise<Found<string>> {
  const kept = ofResource ? await metadata(ctx, 'span_resources', options) : null;
  const counted = options.filter === null ? await countedValues(ctx, field, options.range) : null;
  const spans = counted
    ? `SELECT value AS v, records FROM ${counted.sql}`
    : kept
      ? `SELECT ${value} AS v, records FROM ${kept} WHERE ${condition}`
      : `SELECT ${value} AS v, 1 AS records FROM ${await from(ctx, options, field)} WHERE ${where(options)} AND ${condition}`;
  const rows = await ctx.session.rows(
    `SELECT v FROM (${spans})
     WHERE v IS NOT NULL GROUP BY v ORDER BY sum(records) DESC, v LIMIT ${options.limit}`,
    [],
    options.limit,
  );
  return { found: rows.map((row) => row['v'] as string), rows: counted?.reads ?? kept === null };
}

function fixedValues(field: Field): Value[] | null {
  if (field.kind !== 'intrinsic') return null;
  if (field.name === 'status') return statusNames.map((_, value) => ({ type: 'status', value }));
  if (field.name === 'kind') return kindNames.map((_, value) => ({ type: 'kind', value }));
  return null;
}

const resourceColumns = metadataColumns('span_resources');

interface ValueExpression {
  readonly value: string;
  readonly condition: string;
  readonly json: boolean;
  /** All that it reads; undefined when other columns are read too. */
  readonly columns?: readonly string[];
}

function valueExpression(field: Field): ValueExpression | null {
  const column = field.kind === 'intrinsic' ? intrinsics[field.name].rootColumn : undefined;
  if (column !== undefined) return { value: column, condition: 'parent_span_id IS NULL', json: false };
  const source = fieldSource(field);
  switch (source.kind) {
    case 'text':
    case 'optional':
      return {
        value: source.column,
        condition: `${source.column} <> ''`,
        json: false,
        columns: [source.column],
      };
    case 'json':
      return {
        value: `CAST(${source.json} AS VARCHAR)`,
        condition: 'true',
        json: true,
        columns: [...source.texts, ...(source.column === null ? [] : [source.column])],
      };
    case 'each':
      return { value: `CAST(unnest(${source.list}) AS VARCHAR)`, condition: 'true', json: true };
    default:
      return null;
  }
}

/** As the v2 endpoint names types, by which Grafana decides whether to quote a value. */
export function tagValueType(value: Value): string {
  return value.type === 'status' || value.type === 'kind' ? 'keyword' : value.type;
}

/**
 * The `q` of the tag endpoints. Editors send it half written: what of it can be read narrows the answer,
 * and a text of which nothing can be read does not.
 */
export function lenientFilter(text: string | undefined): FieldExpr | null {
  if (text === undefined) return null;
  const whole = filterOf(text);
  if (whole) return whole;
  const begun = text.trim();
  const inner = begun.startsWith('{') ? begun.slice(1).replace(/\}$/, '') : '';
  const parts = inner
    .split('&&')
    .map((part) => filterOf(`{${part}}`))
    .filter((part) => part !== null);
  return parts.length === 0
    ? null
    : parts.reduce((left, right) => ({ kind: 'binary', op: '&&', left, right, at: 0 }));
}

function filterOf(text: string): FieldExpr | null {
  try {
    const [only, ...more] = parseSpansetQuery(text).pipeline.elements;
    return only?.kind === 'filter' && more.length === 0 ? only.condition : null;
  } catch {
    return null;
  }
}
