import { goQuote } from '../../text/go-quote.js';
import { tokenNames } from './grammar-tables.js';

export type TokenKind = (typeof tokenNames)[number];

/** A word of a query, at a character offset; of an ERROR `text` says what is wrong. */
export interface Token {
  readonly kind: TokenKind;
  readonly at: number;
  readonly text: string;
}

/** Words that mean something by themselves; whatever their case. */
export const keywords: ReadonlyMap<string, TokenKind> = new Map([
  ...between('operatorsStart', 'operatorsEnd').filter(([word]) => /^(and|or|unless|atan2)$/.test(word)),
  ...between('aggregatorsStart', 'aggregatorsEnd'),
  ...between('keywordsStart', 'keywordsEnd'),
  ...between('preprocessorStart', 'preprocessorEnd'),
  ['inf', 'NUMBER'] as const,
  ['nan', 'NUMBER'] as const,
]);

function between(from: TokenKind, to: TokenKind): (readonly [string, TokenKind])[] {
  const names: ReadonlyMap<TokenKind, string> = new Map([
    ['LAND', 'and'],
    ['LOR', 'or'],
    ['LUNLESS', 'unless'],
  ]);
  return tokenNames
    .slice(tokenNames.indexOf(from) + 1, tokenNames.indexOf(to))
    .map((kind) => [names.get(kind) ?? kind.toLowerCase(), kind]);
}

function isBetween(kind: TokenKind, from: TokenKind, to: TokenKind): boolean {
  const at = tokenNames.indexOf(kind);
  return at > tokenNames.indexOf(from) && at < tokenNames.indexOf(to);
}

const kinds: ReadonlyMap<TokenKind, string> = new Map([
  ['IDENTIFIER', 'identifier'],
  ['METRIC_IDENTIFIER', 'metric identifier'],
  ['STRING', 'string'],
  ['NUMBER', 'number'],
  ['DURATION', 'duration'],
]);

/** A token as Prometheus' messages name it. */
export function described(token: Token): string {
  const { kind, text } = token;
  if (kind === 'EOF') return 'end of input';
  const named = kinds.get(kind);
  if (kind === 'IDENTIFIER' || kind === 'METRIC_IDENTIFIER') return `${named} ${goQuote(text)}`;
  if (isBetween(kind, 'keywordsStart', 'keywordsEnd')) return `<${text}>`;
  if (isBetween(kind, 'operatorsStart', 'operatorsEnd')) return `<op:${text}>`;
  if (isBetween(kind, 'aggregatorsStart', 'aggregatorsEnd')) return `<aggr:${text}>`;
  const shown =
    Buffer.byteLength(text) > 10 ? `${goQuote([...text].slice(0, 10).join(''))}...` : goQuote(text);
  return named === undefined ? shown : `${named} ${shown}`;
}
