import { compileMatcher, type Matcher } from '../../series/matchers.js';
import { formatMatcher, parseMatcher } from '../grammar/matcher.js';
import type { Node } from '../grammar/tree.js';

/** A label of a drop or keep stage; with a matcher it counts only where its value matches. */
export interface LabelItem {
  readonly name: string;
  readonly matcher?: Matcher;
}

export function parseLabelItems(node: Node): LabelItem[] {
  return node.need('DropLabels', 'KeepLabels').flatten().map(labelItem);
}

function labelItem(node: Node): LabelItem {
  const found = node.child('Matcher');
  if (!found) return { name: node.need('Identifier').text };
  const matcher = parseMatcher(found);
  return { name: matcher.name, matcher };
}

export function formatLabelItems(items: readonly LabelItem[]): string {
  return items.map(({ name, matcher }) => (matcher ? formatMatcher(matcher) : name)).join(',');
}

/** By name, whether a label of this value is meant; a name may be listed several times. */
export function itemTests(items: readonly LabelItem[]): Map<string, (value: string) => boolean> {
  const tests = new Map<string, (value: string) => boolean>();
  for (const { name, matcher } of items) {
    const before = tests.get(name);
    const matches = matcher ? compileMatcher(matcher, 'not newline').matches : () => true;
    tests.set(name, before ? (value) => before(value) || matches(value) : matches);
  }
  return tests;
}
