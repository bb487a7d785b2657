import type { Matcher } from '../../series/matchers.js';
import type { LabelFilter, LogExpr, Stage, Unwrap } from '../syntax/ast.js';
import { aliases, errorDetailsLabel, errorLabel, extractedSuffix } from '../pipeline/labels.js';
import { templateLabels } from '../pipeline/template/index.js';
import type { KeyHints } from '../model/attributes.js';
import { always, isStreamLabel, labelSql, ownSql } from '../model/names.js';
import { streamSql } from '../model/columns.js';
import { or } from '../../sql/fragment.js';
import { JsonFields } from './json-fields.js';
import {
  labelCondition,
  lineCondition,
  matcherSql,
  streamMatcherSql,
  type Condition,
  type Meaning,
} from './conditions.js';

/** A pipeline as SQL, as far as it can be. */
export interface PipelineSql {
  /** Holds for at least every record that the pipeline keeps. */
  readonly conditions: readonly string[];
  /** The conditions keep no other record, and the line at the end is the body. */
  readonly exact: boolean;
  /** Conditions under which a kept record carries `__error__`. */
  readonly errors: readonly string[];
  /** What a label means after the pipeline; undefined when SQL can't tell. */
  readonly meaning: (name: string) => string | undefined;
  /** Rows of which only the pipeline itself can tell the outcome, although the rest is exact. */
  readonly unresolved: string | undefined;
  /** What to select from, once every meaning has been asked for. */
  readonly source: () => string;
}

export function selectorSql(matchers: readonly Matcher[], hints: KeyHints): string[] {
  return matchers.map((matcher) =>
    isStreamLabel(matcher.name)
      ? streamMatcherSql(streamSql(matcher.name), matcher)
      : matcherSql(labelSql(streamName(matcher.name), hints), matcher, 'any'),
  );
}

/** In a selector `level` is the label that the browser lists, whatever attribute of that name a record has. */
function streamName(name: string): string {
  return name === 'level' ? 'detected_level' : name;
}

/** Follows the stages in order, keeping track of which names still mean what the record says. */
export function pipelineSql(stages: readonly Stage[], hints: KeyHints): PipelineSql {
  const conditions: string[] = [];
  const errors: string[] = [];
  let exact = true;
  let lineIsBody = true;
  /** A parser has run whose fields SQL can't tell. */
  let parsed = false;
  /** A json stage, the first parser, has run. */
  let json: JsonFields | undefined;
  /** A stage may have failed in a way that `errors` does not know. */
  let mayFail = false;
  /** Names that a stage has set: to another expression, or (undefined) to what SQL can't tell. */
  const assigned = new Map<string, string | undefined>();
  /** Set by `keep`: all other names are gone. */
  let kept: Set<string> | undefined;

  const fixed = (sql: string): Meaning => (parsed || json ? { sql, unlessLineHasIt: sql } : { sql });
  const meaning = (name: string): Meaning | undefined => {
    if (name === errorLabel || name === errorDetailsLabel)
      return mayFail ? undefined : { sql: 'NULL::VARCHAR' };
    if (assigned.has(name)) {
      const sql = assigned.get(name);
      return sql === undefined ? undefined : fixed(sql);
    }
    if (kept && !kept.has(name)) return fixed('NULL::VARCHAR');
    const alias = aliases.get(name);
    if (alias !== undefined && (assigned.has(alias) || kept)) return undefined;
    const sql = labelSql(name, hints);
    if (always.has(name) || !(parsed || json)) return { sql };
    // A parsed label of this name goes before the label that the name stands for, but not before the record's own.
    const own = ownSql(name, hints);
    const field = parsed ? undefined : json?.value(name);
    if (field === undefined) return { sql, unlessLineHasIt: own };
    return {
      sql: `coalesce(${[own, field, ...(alias ? [ownSql(alias, hints)] : [])].join(', ')})`,
      rewritten: true,
    };
  };
  const push = (sql: string) => conditions.push(json ? or([sql, json.unresolved]) : sql);
  const add = (condition: Condition) => {
    if (condition.sql !== 'TRUE') push(condition.sql);
    exact &&= condition.exact;
    errors.push(...condition.errors);
    mayFail ||= !condition.exact;
  };

  for (const stage of stages) {
    switch (stage.kind) {
      case 'line':
        if (lineIsBody) add(lineCondition(stage));
        else exact = false;
        break;
      case 'label': {
        const test = errorTest(stage.filter);
        if (test === undefined || mayFail) add(labelCondition(stage.filter, meaning));
        else {
          const failed = `coalesce(${or(errors)}, FALSE)`;
          push(test === 'none' ? `NOT ${failed}` : failed);
          if (test === 'none') errors.length = 0;
        }
        break;
      }
      case 'drop':
        for (const { name, matcher } of stage.items) {
          if (name === errorLabel && !matcher) errors.length = 0;
          else assigned.set(name, matcher ? undefined : 'NULL::VARCHAR');
        }
        // Whether a label is dropped by its value is left to the pipeline.
        exact &&= !stage.items.some(({ matcher }) => matcher);
        break;
      case 'keep': {
        // Keeping a name keeps what it stands for.
        const names = stage.items.flatMap(({ name }) => [name, aliases.get(name) ?? name]);
        for (const name of assigned.keys()) if (!names.includes(name)) assigned.set(name, 'NULL::VARCHAR');
        const before = kept;
        kept = new Set(names.filter((name) => before?.has(name) ?? true));
        for (const { name, matcher } of stage.items) {
          if (!matcher) continue;
          exact = false;
          for (const one of [name, aliases.get(name) ?? name]) assigned.set(one, undefined);
        }
        break;
      }
      case 'label_format':
        for (const assignment of stage.assignments) {
          const source = 'from' in assignment ? meaning(assignment.from) : undefined;
          if (!('from' in assignment)) mayFail = true;
          const before = source && meaning(assignment.name);
          // Renaming a label that is not there leaves the target alone.
          const known = source && before && !source.unlessLineHasIt && !before.unlessLineHasIt;
          assigned.set(assignment.name, known ? `coalesce(${source.sql}, ${before.sql})` : undefined);
          if ('from' in assignment) assigned.set(assignment.from, known ? 'NULL::VARCHAR' : undefined);
        }
        break;
      case 'line_format':
      case 'decolorize':
        lineIsBody = false;
        mayFail ||= stage.kind === 'line_format';
        break;
      case 'json':
        if (lineIsBody && !parsed && !json) {
          json = new JsonFields(stage.fields);
          errors.push(json.failed);
          break;
        }
        parsed = true;
        mayFail = true;
        break;
      default:
        parsed = true;
        mayFail = true;
        if (stage.kind === 'unpack') lineIsBody = false;
    }
  }
  return {
    conditions,
    exact: exact && lineIsBody,
    errors,
    meaning: (name) => {
      const found = meaning(name);
      return found && found.unlessLineHasIt === undefined ? found.sql : undefined;
    },
    unresolved: json?.unresolved,
    source: () => json?.source() ?? 'lake.logs',
  };
}

/** `__error__=""` (none) or `__error__!=""` (some). */
function errorTest(filter: LabelFilter): 'none' | 'some' | undefined {
  if (filter.kind !== 'match' || filter.matcher.name !== errorLabel || filter.matcher.value !== '')
    return undefined;
  return filter.matcher.op === '=' ? 'none' : filter.matcher.op === '!=' ? 'some' : undefined;
}

function filterNames(filter: LabelFilter): string[] {
  if ('left' in filter) return [...filterNames(filter.left), ...filterNames(filter.right)];
  return [filter.kind === 'match' ? filter.matcher.name : filter.name];
}

/** The names that a stage reads, or undefined when it reads names that can't be told. */
export function stageNames(stage: Stage): readonly string[] | undefined {
  switch (stage.kind) {
    case 'label':
      return filterNames(stage.filter);
    case 'line_format': {
      const names = templateLabels(stage.template);
      return names && [...names];
    }
    case 'label_format': {
      const names: string[] = [];
      for (const assignment of stage.assignments) {
        names.push(assignment.name);
        if ('from' in assignment) names.push(assignment.from);
        else {
          const read = templateLabels(assignment.template);
          if (!read) return undefined;
          names.push(...read);
        }
      }
      return names;
    }
    case 'drop':
    case 'keep':
      return stage.items.map(({ name }) => name);
    default:
      return [];
  }
}

/** The names that a pipeline and what comes after it read. Undefined: all of them. */
export function readLabels(
  log: LogExpr,
  unwrap: Unwrap | undefined,
  wanted: readonly string[],
): readonly string[] | undefined {
  const names = new Set(wanted);
  if (unwrap) {
    names.add(unwrap.name);
    for (const filter of unwrap.filters) filterNames(filter).forEach((name) => names.add(name));
  }
  for (const stage of log.stages) {
    const read = stageNames(stage);
    if (!read) return undefined;
    read.forEach((name) => names.add(name));
  }
  return [...names];
}

/**
 * The record's own labels that a pipeline and what comes after it can tell apart: names read, what they stand for, and
 * the names that a parsed field of that name would collide with. Undefined: all of them.
 */
export function neededLabels(
  log: LogExpr,
  unwrap: Unwrap | undefined,
  wanted: readonly string[],
): readonly string[] | undefined {
  const read = readLabels(log, unwrap, wanted);
  if (!read) return undefined;
  const names = new Set(read);
  for (const name of [...names]) {
    if (name.endsWith(extractedSuffix)) names.add(name.slice(0, -extractedSuffix.length));
  }
  for (const name of [...names]) {
    const alias = aliases.get(name);
    if (alias !== undefined) names.add(alias);
  }
  names.delete(errorLabel);
  names.delete(errorDetailsLabel);
  return [...names];
}

/** Every name that a query reads, for learning attribute keys. */
export function queryNames(log: LogExpr, unwrap?: Unwrap, wanted: readonly string[] = []): readonly string[] {
  const all = neededLabels(
    { ...log, stages: log.stages.filter((stage) => stageNames(stage)) },
    unwrap,
    wanted,
  );
  return [...(all ?? []), ...log.matchers.map((matcher) => matcher.name)];
}
