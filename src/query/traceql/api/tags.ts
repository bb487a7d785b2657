import { parseTypedJson } from '../../attributes/typed-json.js';
import type { QueryContext } from '../../server/guard.js';
import { and } from '../../sql/fragment.js';
import { fieldSource, type Field } from '../model/field.js';
import { intrinsics, listedIntrinsics } from '../model/intrinsics.js';
import { startsWithin, type TimeRange } from '../model/time.js';
import { display, fromJson, kindNames, statusNames, type Value } from '../model/value.js';
import { filterSql } from '../plan/filter.js';
import type { FieldExpr } from '../syntax/ast.js';
import { parseQuery } from '../syntax/parser.js';

export const tagScopes = ['resource', 'span', 'intrinsic', 'event', 'link', 'instrumentation'] as const;
export type TagScope = (typeof tagScopes)[number];

/** Where the attribute objects of a scope lie; `DISTINCT` first where few differ. */
const keySources: Record<Exclude<TagScope, 'intrinsic'>, (where: string) => string> = {
  resource: (where) => `SELECT DISTINCT resource_attributes AS a FROM lake.spans WHERE ${where}`,
  instrumentation: (where) => `SELECT DISTINCT scope_attributes AS a FROM lake.spans WHERE ${where}`,
  span: (where) => `SELECT span_attributes AS a FROM lake.spans WHERE ${where}`,
  event: (where) =>
    `SELECT unnest(json_extract(events_json, '$[*].attributes')) AS a
     FROM lake.spans WHERE events_json IS NOT NULL AND ${where}`,
  link: (where) =>
    `SELECT unnest(json_extract(links_json, '$[*].attributes')) AS a
     FROM lake.spans WHERE links_json IS NOT NULL AND ${where}`,
};

export interface TagOptions {
  readonly range: TimeRange;
  readonly limit: number;
  readonly filter: FieldExpr | null;
}

/** The attribute names of a scope that spans in the range have, in order. */
export async function tagNames(ctx: QueryContext, scope: TagScope, options: TagOptions): Promise<string[]> {
  if (scope === 'intrinsic') return [...listedIntrinsics];
  const rows = await ctx.session.rows(
    `SELECT DISTINCT unnest(json_keys(a)) AS key FROM (${keySources[scope](where(options))})
     ORDER BY key LIMIT ${options.limit}`,
    [],
    options.limit,
  );
  const names = rows.map((row) => row['key'] as string);
  if (scope === 'resource' && !names.includes('service.name') && names.length < options.limit) {
    names.push('service.name');
  }
  return names;
}

function where({ range, filter }: TagOptions): string {
  const time = startsWithin(range).sql;
  return filter ? and([time, filterSql(filter).sql]) : time;
}

/** The values of a field that spans in the range have, the most frequent first. */
export async function tagValues(ctx: QueryContext, field: Field, options: TagOptions): Promise<Value[]> {
  const fixed = fixedValues(field);
  if (fixed) return fixed;
  const expression = valueExpression(field);
  if (!expression) return [];
  const { value, condition } = expression;
  const rows = await ctx.session.rows(
    `SELECT v FROM (SELECT ${value} AS v FROM lake.spans WHERE ${where(options)} AND ${condition})
     WHERE v IS NOT NULL GROUP BY v ORDER BY count(*) DESC, v LIMIT ${options.limit}`,
    [],
    options.limit,
  );
  const values = new Map<string, Value>();
  for (const row of rows) {
    const raw = row['v'] as string;
    const parsed = expression.json
      ? fromJson(parseTypedJson(raw))
      : ({ type: 'string', value: raw } as const);
    for (const one of parsed.type === 'array' ? parsed.values : [parsed]) {
      if (one.type !== 'nil' && one.type !== 'map') values.set(`${one.type} ${display(one)}`, one);
    }
  }
  return [...values.values()].slice(0, options.limit);
}

function fixedValues(field: Field): Value[] | null {
  if (field.kind !== 'intrinsic') return null;
  if (field.name === 'status') return statusNames.map((_, value) => ({ type: 'status', value }));
  if (field.name === 'kind') return kindNames.map((_, value) => ({ type: 'kind', value }));
  return null;
}

function valueExpression(field: Field): { value: string; condition: string; json: boolean } | null {
  const column = field.kind === 'intrinsic' ? intrinsics[field.name].rootColumn : undefined;
  if (column !== undefined) return { value: column, condition: 'parent_span_id IS NULL', json: false };
  const source = fieldSource(field);
  switch (source.kind) {
    case 'text':
    case 'optional':
      return { value: source.column, condition: `${source.column} <> ''`, json: false };
    case 'json':
      return { value: `CAST(${source.json} AS VARCHAR)`, condition: 'true', json: true };
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
  const inner = /^\s*\{([^]*)\}?\s*$/.exec(text)?.[1]?.replace(/\}\s*$/, '') ?? '';
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
    const [only, ...more] = parseQuery(text).pipeline.elements;
    return only?.kind === 'filter' && more.length === 0 ? only.condition : null;
  } catch {
    return null;
  }
}
