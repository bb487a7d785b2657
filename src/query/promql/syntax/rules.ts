import { Automaton, type Rule as GrammarRule } from '../../grammar/index.js';
import { durationRules } from './rules-durations.js';
import { expressionRules } from './rules-expressions.js';
import { modifierRules } from './rules-modifiers.js';
import { selectorRules } from './rules-selectors.js';
import type { Rule } from './slots.js';
import { terminals } from './token.js';

/** A rule with what it makes of its parts. */
export interface ActingRule extends GrammarRule {
  readonly act: Rule;
}

/** Where two rules fit, the earlier is taken. */
const rules: readonly ActingRule[] = [
  ...expressionRules,
  ...selectorRules,
  ...modifierRules,
  ...durationRules,
].map(([text, act = ([first]) => first, bindsAs]) => {
  const [makes = '', parts = ''] = text.split(':');
  return { makes, of: parts.split(' ').filter((part) => part !== ''), act, bindsAs };
});

const operators = [
  { names: ['LOR'] },
  { names: ['LAND', 'LUNLESS'] },
  { names: ['EQLC', 'NEQ', 'GTE', 'GTR', 'LTE', 'LSS', 'TRIM_UPPER', 'TRIM_LOWER'] },
  { names: ['ADD', 'SUB'] },
  { names: ['MUL', 'DIV', 'MOD', 'ATAN2'] },
  { names: ['POW'], side: 'right' },
  { names: ['OFFSET'], side: 'none' },
  { names: ['LEFT_BRACKET'], side: 'right' },
] as const;

let automaton: Automaton<ActingRule> | undefined;

/** PromQL as Prometheus 0.316 reads it; made at the first query of a thread. */
export function promql(): Automaton<ActingRule> {
  return (automaton ??= new Automaton({ terminals, operators, start: 'Query', rules }));
}
