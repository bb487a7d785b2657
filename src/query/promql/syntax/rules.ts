import { productions } from './grammar-tables.js';
import { durationRules } from './rules-durations.js';
import { expressionRules } from './rules-expressions.js';
import { modifierRules } from './rules-modifiers.js';
import { selectorRules } from './rules-selectors.js';
import type { Rule } from './slots.js';

const all: ReadonlyMap<string, Rule> = new Map([
  ...expressionRules,
  ...selectorRules,
  ...modifierRules,
  ...durationRules,
]);

/** The action of each production by its number; without one a production is its first place. */
export const rules: readonly Rule[] = productions.map((text) => all.get(text) ?? (([first]) => first));
