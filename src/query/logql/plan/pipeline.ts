import type { Matcher } from '../../series/matchers.js';
import { literal } from '../../sql/literal.js';
import type { AttributeKeys } from '../model/attributes.js';
import { streamSql, unknownService } from '../model/columns.js';
import { attributeTexts, isStreamLabel, labelSql } from '../model/names.js';
import { matcherSql, withTexts } from '../pipeline/condition.js';
import { Scope, type PipelineSql } from '../pipeline/scope.js';
import { definitionOf, type Stage } from '../stages/index.js';

/** A pipeline as SQL, as far as it can be: each stage in its turn says what it does. Throws QueryError. */
export function pipelineSql(stages: readonly Stage[], keys: AttributeKeys): PipelineSql {
  const scope = new Scope(keys);
  for (const stage of stages) definitionOf(stage).sql(stage, scope);
  return scope.end();
}

/** The conditions of a stream selector. Throws QueryError. */
export function selectorSql(matchers: readonly Matcher[], keys: AttributeKeys): string[] {
  return matchers.map((matcher) =>
    isStreamLabel(matcher.name)
      ? streamMatcherSql(matcher)
      : recordMatcherSql(streamName(matcher.name), matcher, keys),
  );
}

function recordMatcherSql(name: string, matcher: Matcher, keys: AttributeKeys): string {
  return withTexts(matcherSql(labelSql(name, keys), matcher, 'any'), matcher, attributeTexts(name, keys));
}

/** In a selector `level` is the label that the browser lists, whatever attribute of that name a record has. */
function streamName(name: string): string {
  return name === 'level' ? 'detected_level' : name;
}

/** The service is compared in its own column, so that files are pruned. */
function streamMatcherSql(matcher: Matcher): string {
  const { name, value } = matcher;
  return isOneService(matcher)
    ? `service_name = ${literal(value)}`
    : matcherSql(streamSql(name), matcher, 'any');
}

/** Records are sorted by the column that it compares. */
export function isOneService({ name, op, value }: Matcher): boolean {
  return name === 'service_name' && op === '=' && value !== '' && value !== unknownService;
}
