import type { SyntaxNode } from '@lezer/common';
import type { Matching } from '../../series/operators.js';
import { childNodes } from './durations.js';
import { literalNumber } from './literals.js';

/** `on`/`ignoring`, `group_left`/`group_right` and `fill` behind a binary operator; undefined when there are none. */
export function matching(
  modifiers: readonly SyntaxNode[],
  text: (node: SyntaxNode) => string,
  labels: (node: SyntaxNode) => string[],
): Matching | undefined {
  const clause = modifiers.find((node) => node.name === 'MatchingModifierClause');
  const fill = modifiers.find((node) => node.name === 'FillModifier');
  if (!clause && !fill) return undefined;
  const parts = clause ? childNodes(clause) : [];
  const lists = parts.filter((part) => part.name === 'GroupingLabels').map(labels);
  const grouped = parts.find((part) => part.name === 'GroupLeft' || part.name === 'GroupRight');
  const cardinality = !grouped ? 'one-to-one' : grouped.name === 'GroupLeft' ? 'many-to-one' : 'one-to-many';
  const fills: { fillLeft?: number; fillRight?: number } = {};
  for (const part of fill ? childNodes(fill) : []) {
    const literal = childNodes(part).find((child) => child.name === 'NumberDurationLiteral');
    const value = literal ? literalNumber(text(literal)) : undefined;
    if (value === undefined) continue;
    if (part.name !== 'FillRightClause') fills.fillLeft = value;
    if (part.name !== 'FillLeftClause') fills.fillRight = value;
  }
  return {
    on: parts[0]?.name === 'On',
    labels: lists[0] ?? [],
    cardinality,
    include: lists[1] ?? [],
    ...fills,
  };
}
