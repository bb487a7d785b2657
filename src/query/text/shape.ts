import { QueryError } from '../../lake/query-error.js';

/** What a query may be before a grammar sees it. */
export interface ShapeLimits {
  readonly maxLength: number;
  /** Brackets open at once. */
  readonly maxDepth: number;
  /** Items of one list. */
  readonly maxItems: number;
}

const token =
  /"(?:[^"\\]|\\[\s\S])*"?|'(?:[^'\\]|\\[\s\S])*'?|`[^`]*`?|#[^\n]*|\d[\d.]*(?:[eE][+-]?\d+)?\w*|[\p{L}_][\w.:]*|\|[=~>]?|[!=<>]+~?|[()[\]{},]|[-+*/%^]|\s+|./guy;

/**
 * Refuses in one pass, in time linear in its length, a query that is too long or too deeply nested. Throws QueryError
 * `bad_data` that names the limit.
 */
export function checkShape(source: string, { maxLength, maxDepth, maxItems }: ShapeLimits): void {
  if (source.length > maxLength) {
    throw new QueryError(
      'bad_data',
      `the query is ${source.length} characters long, at most ${maxLength} are allowed`,
    );
  }
  const items = [0];
  for (const [text] of source.matchAll(token)) {
    if (text === '(' || text === '[' || text === '{') {
      if (items.length > maxDepth) {
        throw new QueryError('bad_data', `the query is nested deeper than ${maxDepth} levels`);
      }
      items.push(1);
    } else if (text === ')' || text === ']' || text === '}') {
      if (items.length > 1) items.pop();
    } else if (text === ',') {
      const count = (items.pop() ?? 0) + 1;
      if (count > maxItems) throw new QueryError('bad_data', `a list has more than ${maxItems} items`);
      items.push(count);
    }
  }
}

/** The words, literals, operators, comments and blanks of a query, in order and without a gap. */
export function* tokens(source: string): Generator<{ readonly text: string; readonly at: number }> {
  for (const match of source.matchAll(token)) yield { text: match[0], at: match.index };
}

/** How many operators and stages there are in a part of a query. */
export function countOperators(source: string): number {
  let count = 0;
  for (const [text] of source.matchAll(token)) {
    if (/^(\||[-+*/%^]$|[!=<>]=|[<>]|(and|or|unless|atan2)$)/i.test(text)) count++;
  }
  return count;
}
