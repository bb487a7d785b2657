/** A word of a query and what goes before it. */
interface Fault {
  /** The query up to the word. */
  readonly before: string;
  readonly word: string;
  /** The query behind the word. */
  readonly behind: string;
}

const keywords: ReadonlySet<string> = new Set(
  (
    'and or unless by without bool on ignoring group_left group_right offset json logfmt regexp pattern unpack ' +
    'line_format label_format decolorize drop keep unwrap variants of'
  ).split(' '),
);
const functions =
  /^(sum|avg|min|max|count|stddev|stdvar|topk|bottomk|approx_topk|sort|sort_desc|vector|label_replace|rate|rate_counter|ip|bytes_rate|absent_over_time|(count|bytes|sum|avg|min|max|stddev|stdvar|quantile|first|last)_over_time)$/;
const durationWord = /^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d|w|y))+$/;

/** What is wrong with a word, in the words of Loki's parser; `line` is 0 where Loki does not know it. */
export function problem(fault: Fault): { readonly message: string; readonly known: boolean } {
  const { word, behind } = fault;
  if (/^["`]/.test(word) && (word.length < 2 || !word.endsWith(word.charAt(0)))) {
    return { message: 'literal not terminated', known: true };
  }
  if (word === '') return { message: `syntax error: unexpected $end${expecting(fault)}`, known: true };
  const long = durationWord.test(word) ? 'DURATION' : /^\d[\d.]*[kKMGTPE]?i?B$/.test(word) ? 'BYTES' : null;
  const kind =
    long ??
    (/^["`]/.test(word)
      ? 'STRING'
      : /^\d+(\.\d+)?$/.test(word)
        ? 'NUMBER'
        : functions.test(word) && /^\s*(\(|by\b|without\b)/.test(behind)
          ? functionToken(word)
          : (/^[a-zA-Z_]/.test(word) && !keywords.has(word)) || word === "'"
            ? 'IDENTIFIER'
            : word.slice(0, 40));
  return {
    message: `syntax error: unexpected ${kind}${expecting(fault)}`,
    known: long === null && !/^(==|!=|>=|<=)$/.test(word),
  };
}

function functionToken(word: string): string {
  return word === 'ip' ? 'ip' : word.toUpperCase();
}

/** What could follow, where the parser knows no more than a few things; by how the query before ends. */
const expectations: readonly (readonly [ends: RegExp, expected: string])[] = [
  [/\{\s*$/, 'IDENTIFIER or }'],
  [/\{[^{}|]*,\s*$/, 'IDENTIFIER'],
  [/\{([^{}|]*,)?\s*[a-zA-Z_]\w*\s*$/, '= or =~ or !~ or !='],
  [/\{([^{}|]*,)?\s*[a-zA-Z_]\w*\s*(=|!=|=~|!~)\s*$/, 'STRING'],
  [/\{([^{}|]*,)?\s*[a-zA-Z_]\w*\s*(=|!=|=~|!~)\s*(""|``)\s*$/, '} or ,'],
  [/([}"`]|\b(json|logfmt|unpack|decolorize))\s*(\|=|!=|\|~|!~|\|>|!>)\s*$/, 'STRING or ip'],
  [/(\|=|!=|\|~|!~|\|>|!>)\s*(""|``)\s*or\s*$/, 'STRING or ip'],
  [/\|\s*(json|logfmt)\s+([^|]*,\s*)?[a-zA-Z_]\w*\s*=\s*$/, 'STRING'],
  [/\|\s*label_format\s+([^|]*,\s*)?[a-zA-Z_]\w*\s*=\s*$/, 'IDENTIFIER or STRING'],
  [/\|\s*label_format\s+([^|]*,\s*)?[a-zA-Z_]\w*\s*$/, '='],
  [/\|\s*[a-zA-Z_]\w*\s*(=~|!~)\s*$/, 'STRING'],
  [/\|\s*(regexp|pattern|line_format)\s*$/, 'STRING'],
  [/\|\s*(label_format|drop|keep)\s*$/, 'IDENTIFIER'],
  [/\|\s*logfmt\s+--$/, 'NUMBER'],
  [/[=<>]\s*\S+\s+(or|and)\s*$/, 'IDENTIFIER or ('],
  [/\bunwrap\s+[a-zA-Z_]\w*\s*\|\s*$/, 'IDENTIFIER or ('],
  [/\bunwrap\s+[a-zA-Z_]\w*\s*$/, 'RANGE or |'],
  [/\b(rate|rate_counter|bytes_rate|\w+_over_time)\s*\(\s*$/, 'NUMBER or { or ('],
  [/\bvector\s*\(\s*$/, 'NUMBER'],
  [/\boffset\s*$/, 'DURATION'],
  [/\b(by|without)\s*\(\s*$/, 'IDENTIFIER or )'],
  [/\b(by|without|on|ignoring)\s*$/, '('],
  [/(^|[^)\s])\s*(sum|avg|min|max|count|stddev|stdvar|topk|bottomk)\s+(by|without)\s*\([^()]*\)\s*$/, '('],
  [/\([^()]*\][^()|]*$/, ')'],
];

function expecting({ before, word }: Fault): string {
  // Strings may hold anything.
  const plain = before
    .replace(/"(\\.|[^"\\])*"/g, '""')
    .replace(/`[^`]*`/g, '``')
    .slice(-1000);
  if (/\bunwrap\s+[a-zA-Z_]\w*\s*$/.test(plain) && word === '') return '';
  const expected = expectations.find(([ends]) => ends.test(plain))?.[1];
  return expected === undefined ? '' : `, expecting ${expected}`;
}

/** A range that is none, which Loki's lexer finds before its parser sees what is in it; with where it begins. */
export function rangeFault(
  query: string,
  at: number,
): { readonly from: number; readonly message: string } | undefined {
  const masked = query.replace(/"(\\.|[^"\\])*"|`[^`]*`/g, (text) => '_'.repeat(text.length));
  const from = masked.lastIndexOf('[', at);
  if (from < 0) return undefined;
  const end = masked.indexOf(']', from);
  if (end < 0) return { from, message: `missing closing ']' in duration` };
  if (end < at) return undefined;
  const text = query.slice(from + 1, end).trim();
  if (text === '') return { from, message: 'empty duration string' };
  if (durationWord.test(text)) return undefined;
  const unit = /^\d+([a-zA-Z]+)$/.exec(text)?.[1];
  const message =
    unit === undefined
      ? `not a valid duration string: ${JSON.stringify(text.slice(0, 100))}`
      : `unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`;
  return { from, message };
}
