import { tokens } from '../../text/shape.js';
import { wordsOf } from './refusal/index.js';

interface Token {
  readonly text: string;
  readonly at: number;
}

const comparison = /^(==?|[!=]~|!=|[<>]=?)$/;
const word = /^[\p{L}_]/u;
const value = /^(["\d`]|[-+]\d)/;
const blank = /^\s/;
const numbers: ReadonlySet<string> = new Set(['NUMBER', 'DURATION', 'BYTES']);
/** What stands behind the name of a function. */
const called = /^(\(|by|without)$/i;

/** A query as the grammar knows it. */
export interface PlainQuery {
  readonly text: string;
  /** What was left out behind a range, as it is written without blanks (`-5m`), by where the range ends. */
  readonly offsets: ReadonlyMap<number, string>;
  /** Where `topk` stands for `approx_topk`. */
  readonly approximate: ReadonlySet<number>;
  /** Where texts are that are written as `ip("…")`. */
  readonly addresses: ReadonlySet<number>;
  /** Where in the text that was written a place of this one is. */
  readonly writtenAt: (place: number) => number;
}

/**
 * Loki reads more than the grammar: names of functions in capitals, `approx_topk`, `(selector | ... | unwrap x)[5m]`, an offset behind any range, and label filters one
 * after the other without a comma (pkg/logql/syntax/syntax.y), no blank behind a number, comments of Go (`//`, `/* … *\/`), and addresses anywhere in a chain
 * of line filters. The query is one that Loki's parser does not refuse.
 */
export function plainSyntax(written: string): PlainQuery {
  const { text: query, writtenAt } = apart(written);
  const all = [...tokens(query)];
  const solid = all.filter(({ text }) => !blank.test(text));
  const { offsets, cuts } = rangeOffsets(solid);
  const { addresses, plain } = chainedAddresses(solid);
  const approximate = solid.filter(
    ({ text }, i) => text.toLowerCase() === 'approx_topk' && called.test(solid[i + 1]?.text ?? ''),
  );
  const named = solid.filter(
    ({ text }, i) =>
      /^[A-Za-z_]+$/.test(text) && text !== text.toLowerCase() && called.test(solid[i + 1]?.text ?? ''),
  );
  const lower = named.map(({ at, text }) => ({ at, text: text.toLowerCase() }));
  const exact = approximate.map(({ at, text }) => ({ at, text: 'topk'.padEnd(text.length) }));
  const changes = [
    ...cuts,
    ...plain,
    ...lower,
    ...exact,
    ...rangeParentheses(solid),
    ...missingCommas(solid, query),
  ];
  const places = new Set(approximate.map(({ at }) => at));
  if (changes.length === 0) return { text: query, offsets, approximate: places, addresses, writtenAt };
  // By UTF-16 units, as the positions are.
  const units = query.split('');
  for (const { at, text } of changes) units.splice(at, text.length, ...text.split(''));
  return { text: units.join(''), offsets, approximate: places, addresses, writtenAt };
}

/** Loki ends a number where it can't go on (`1and`); the grammar wants a blank there, and blanks where comments are. */
function apart(written: string): { text: string; writtenAt: (place: number) => number } {
  const parts: string[] = [];
  /** Places of the text where a blank was put in. */
  const added: number[] = [];
  let end = 0;
  let number = false;
  for (const { terminal, from, to } of wordsOf(written)) {
    if (number && from === end && /[\p{L}\p{Nd}_.]/u.test(written[from] ?? '')) {
      added.push(from + added.length);
      parts.push(' ');
    }
    parts.push(written.slice(end, from).replace(/[^\n]/g, ' '), written.slice(from, to));
    end = to;
    number = numbers.has(terminal);
  }
  const writtenAt = (place: number) => place - added.filter((at) => at < place).length;
  return { text: parts.join(''), writtenAt };
}

const lineFilter = /^(\|[=~>]|![=~>])$/;
const quoted = /^["`]/;

/** `|= ip("…") or "…"`: to the grammar addresses in chains of line filters are plain texts. */
function chainedAddresses(solid: readonly Token[]): { addresses: Set<number>; plain: Token[] } {
  const addresses = new Set<number>();
  const plain: Token[] = [];
  solid.forEach(({ text }, i) => {
    if (!lineFilter.test(text)) return;
    const found: (readonly Token[])[] = [];
    let items = 0;
    for (let at = i + 1; ;) {
      const [first, open, address, close] = solid.slice(at, at + 4);
      const ip = first?.text.toLowerCase() === 'ip' && open?.text === '(' && close?.text === ')';
      if (first && ip && address && quoted.test(address.text)) found.push([first, open, address, close]);
      else if (!quoted.test(first?.text ?? '')) return;
      items++;
      at += ip ? 4 : 1;
      if (solid[at]?.text.toLowerCase() !== 'or') break;
      at++;
    }
    if (items < 2) return;
    for (const [first, open, address, close] of found) {
      if (address) addresses.add(address.at);
      for (const word of [first, open, close])
        if (word) plain.push({ at: word.at, text: ' '.repeat(word.text.length) });
    }
  });
  return { addresses, plain };
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
