import { quote } from '../../text/unquote.js';
import type { Node } from '../grammar/tree.js';
import { unquote } from '../grammar/unquote.js';

/** `name="path"` of a json or logfmt stage. */
export interface Extraction {
  readonly name: string;
  readonly path: string;
}

export function parseExtractions(node: Node): Extraction[] {
  return (node.child('LabelExtractionExpressionList')?.flatten() ?? []).map((item) => {
    const name = item.need('Identifier').text;
    const path = item.child('String');
    return { name, path: path ? unquote(path.text) : name };
  });
}

export function formatExtractions(list: readonly Extraction[]): string {
  return list.map(({ name, path }) => `${name}=${quote(path)}`).join(',');
}
