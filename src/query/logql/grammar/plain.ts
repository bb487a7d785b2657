import { tokens } from '../../text/shape.js';

interface Token {
  readonly text: string;
  readonly at: number;
}

const comparison = /^(==?|[!=]~|!=|[<>]=?)$/;
const word = /^[\p{L}_]/u;
const value = /^(["\d`]|[-+]\d)/;
const blank = /^(\s|#)/;
/** What stands behind the name of a function. */
const called = /^(\(|by|without)$/i;

/** A query as the grammar knows it, of the same length. */
export interface PlainQuery {
  readonly text: string;
  /** What was left out behind a range, as it is written without blanks (`-5m`), by where the range ends. */
  readonly offsets: ReadonlyMap<number, string>;
  /** Where `topk` stands for `approx_topk`. */
  readonly approximate: ReadonlySet<number>;
}

/**
 * Loki reads more than the grammar: names of functions in capitals, `approx_topk`, `(selector | ... | unwrap x)[5m]`, an offset behind any range, and label filters one
 * after the other without a comma (pkg/logql/syntax/syntax.y).
 */
export function plainSyntax(query: string): PlainQuery {
  const all = [...tokens(query)];
  const solid = all.filter(({ text }) => !blank.test(text));
  const { offsets, cuts } = rangeOffsets(solid);
  const approximate = solid.filter(
    ({ text }, i) => text.toLowerCase() === 'approx_topk' && called.test(solid[i + 1]?.text ?? ''),
  );
  const named = solid.filter(
    ({ text }, i) =>
      /^[A-Za-z_]+$/.test(text) && text !== text.toLowerCase() && called.test(solid[i + 1]?.text ?? ''),
  );
  const lower = named.map(({ at, text }) => ({ at, text: text.toLowerCase() }));
  const exact = approximate.map(({ at, text }) => ({ at, text: 'topk'.padEnd(text.length) }));
  const changes = [...cuts, ...lower, ...exact, ...rangeParentheses(solid), ...missingCommas(solid, query)];
  const places = new Set(approximate.map(({ at }) => at));
  if (changes.length === 0) return { text: query, offsets, approximate: places };
  // By UTF-16 units, as the positions are.
  const units = query.split('');
  for (const { at, text } of changes) units.splice(at, text.length, ...text.split(''));
  return { text: units.join(''), offsets, approximate: places };
}

function rangeOffsets(solid: readonly Token[]): { offsets: Map<number, string>; cuts: Token[] } {
  const offsets = new Map<number, string>();
  const cuts: Token[] = [];
  solid.forEach(({ text, at }, i) => {
    if (text !== ']' || solid[i + 1]?.text.toLowerCase() !== 'offset') return;
    const end = solid[i + 2]?.text === '-' ? i + 3 : i + 2;
    if (!/^\d/.test(solid[end]?.text ?? '')) return;
    const words = solid.slice(i + 1, end + 1);
    offsets.set(
      at + 1,
      words
        .slice(1)
        .map((part) => part.text)
        .join(''),
    );
    cuts.push(...words.map((part) => ({ at: part.at, text: ' '.repeat(part.text.length) })));
  });
  return { offsets, cuts };
}

/** Parentheses around a log selector with a range behind them are left out. */
function rangeParentheses(solid: readonly Token[]): Token[] {
  const open: number[] = [];
  const found: Token[] = [];
  solid.forEach(({ text, at }, i) => {
    if (text === '(') open.push(i);
    if (text !== ')') return;
    const start = open.pop();
    if (start === undefined || solid[start + 1]?.text !== '{' || solid[i + 1]?.text !== '[') return;
    found.push({ at: solid[start]?.at ?? 0, text: ' ' }, { at, text: ' ' });
  });
  return found;
}

/** `a="b" c="d"`: the blank between two filters becomes a comma. */
function missingCommas(solid: readonly Token[], query: string): Token[] {
  const found: Token[] = [];
  let selecting = false;
  solid.forEach(({ text, at }, i) => {
    if (text === '{' || text === '}') selecting = text === '{';
    if (selecting) return;
    const closed = text === ')';
    const next = solid[i + 1];
    if (!next || !(closed || value.test(text))) return;
    const filter = word.test(next.text) && comparison.test(solid[i + 2]?.text ?? '');
    const group = next.text === '(' && !closed;
    const after = at + text.length;
    if ((filter || group) && /\s/.test(query[after] ?? '')) found.push({ at: after, text: ',' });
  });
  return found;
}
