import { aliases, errorDetailsLabel, errorLabel, extractedSuffix } from '../model/labels.js';
import { stageNames } from '../stages/index.js';
import { unwrapNames, type Unwrap } from '../stages/unwrap.js';
import type { LogExpr } from '../syntax/ast.js';

/** The names that a pipeline and what comes after it read. Undefined: all of them. */
export function readLabels(
  log: LogExpr,
  unwrap: Unwrap | undefined,
  wanted: readonly string[],
): readonly string[] | undefined {
  const names = new Set(wanted);
  if (unwrap) unwrapNames(unwrap).forEach((name) => names.add(name));
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
