import { goQuote } from '../../text/go-quote.js';

/** Operators that are words, by these. */
const wordOperators = [
  ['and', 'LAND'],
  ['or', 'LOR'],
  ['unless', 'LUNLESS'],
  ['atan2', 'ATAN2'],
] as const;

/** The kinds of words by what messages call them. */
const groups = {
  others: [
    'EOF',
    'IDENTIFIER',
    'METRIC_IDENTIFIER',
    'NUMBER',
    'DURATION',
    'STRING',
    'EQL',
    'COLON',
    'COMMA',
    'LEFT_PAREN',
    'RIGHT_PAREN',
    'LEFT_BRACE',
    'RIGHT_BRACE',
    'LEFT_BRACKET',
    'RIGHT_BRACKET',
  ],
  operators: [
    'ADD',
    'SUB',
    'MUL',
    'DIV',
    'MOD',
    'POW',
    'ATAN2',
    'EQLC',
    'NEQ',
    'GTE',
    'GTR',
    'LTE',
    'LSS',
    'TRIM_UPPER',
    'TRIM_LOWER',
    'EQL_REGEX',
    'NEQ_REGEX',
    'AT',
    'LAND',
    'LOR',
    'LUNLESS',
  ],
  aggregators: [
    'SUM',
    'AVG',
    'COUNT',
    'MIN',
    'MAX',
    'GROUP',
    'STDDEV',
    'STDVAR',
    'TOPK',
    'BOTTOMK',
    'COUNT_VALUES',
    'QUANTILE',
    'LIMITK',
    'LIMIT_RATIO',
  ],
  keywords: [
    'BOOL',
    'BY',
    'WITHOUT',
    'ON',
    'IGNORING',
    'GROUP_LEFT',
    'GROUP_RIGHT',
    'FILL',
    'FILL_LEFT',
    'FILL_RIGHT',
    'OFFSET',
    'SMOOTHED',
    'ANCHORED',
  ],
  /** Of the range that is asked for, and of durations. */
  bounds: ['START', 'END', 'STEP', 'RANGE', 'MAX_OF', 'MIN_OF'],
  /** What stands before the first word: what a text is to be. */
  beginnings: ['START_EXPRESSION', 'START_METRIC_SELECTOR'],
} as const;

export const { aggregators, keywords: keywordKinds, bounds } = groups;
export const terminals = [
  ...groups.others,
  ...groups.operators,
  ...aggregators,
  ...keywordKinds,
  ...bounds,
  ...groups.beginnings,
] as const;

export type TokenKind = (typeof terminals)[number] | 'ERROR';

/** A word of a query, at a character offset; of an ERROR `text` says what is wrong. */
export interface Token {
  readonly kind: TokenKind;
  readonly at: number;
  readonly text: string;
}

/** Words that mean something by themselves; whatever their case. */
export const keywords: ReadonlyMap<string, TokenKind> = new Map<string, TokenKind>([
  ...wordOperators,
  ...[...aggregators, ...keywordKinds, ...bounds].map((kind) => [kind.toLowerCase(), kind] as const),
  ['inf', 'NUMBER'],
  ['nan', 'NUMBER'],
]);

const kinds: ReadonlyMap<TokenKind, string> = new Map([
  ['IDENTIFIER', 'identifier'],
  ['METRIC_IDENTIFIER', 'metric identifier'],
  ['STRING', 'string'],
  ['NUMBER', 'number'],
  ['DURATION', 'duration'],
]);
const classes: ReadonlyMap<TokenKind, string> = new Map<TokenKind, string>([
  ...keywordKinds.map((kind) => [kind, ''] as const),
  ...groups.operators.map((kind) => [kind, 'op:'] as const),
  ...aggregators.map((kind) => [kind, 'aggr:'] as const),
]);

/** A token as Prometheus' messages name it. */
export function described(token: Token): string {
  const { kind, text } = token;
  if (kind === 'EOF') return 'end of input';
  const named = kinds.get(kind);
  if (kind === 'IDENTIFIER' || kind === 'METRIC_IDENTIFIER') return `${named} ${goQuote(text)}`;
  const ofClass = classes.get(kind);
  if (ofClass !== undefined) return `<${ofClass}${text}>`;
  const shown =
    Buffer.byteLength(text) > 10 ? `${goQuote([...text].slice(0, 10).join(''))}...` : goQuote(text);
  return named === undefined ? shown : `${named} ${shown}`;
}
