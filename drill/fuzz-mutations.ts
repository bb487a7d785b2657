import type { Random } from '../test/reading/language.js';

/** Words and signs of all three languages, and what none of them knows. */
const pieces = [
  ...[
    '(',
    ')',
    '{',
    '}',
    '[',
    ']',
    ',',
    '"',
    "'",
    '`',
    '|',
    '||',
    '&&',
    '=',
    '!=',
    '=~',
    '!~',
    '|=',
    '|~',
    '|>',
    '>',
    '<',
  ],
  ...[
    '>=',
    '<=',
    '==',
    '+',
    '-',
    '*',
    '/',
    '%',
    '^',
    '@',
    ':',
    '.',
    '>>',
    '<<',
    '~',
    '!>>',
    '&>',
    '!',
    '#',
    '\\',
    '$',
  ],
  ...[
    'by',
    'without',
    'on',
    'ignoring',
    'group_left',
    'group_right',
    'offset',
    'bool',
    'and',
    'or',
    'unless',
    'start()',
  ],
  ...[
    'sum',
    'topk',
    'quantile',
    'count_values',
    'rate',
    'increase',
    'histogram_quantile',
    'label_replace',
    'absent',
    'info',
  ],
  ...[
    'anchored',
    'smoothed',
    'fill',
    'atan2',
    'limitk',
    'limit_ratio',
    'sort_by_label',
    'predict_linear',
    'holt_winters',
  ],
  ...[
    'json',
    'logfmt',
    'regexp',
    'pattern',
    'unpack',
    'unwrap',
    'line_format',
    'label_format',
    'drop',
    'keep',
    'decolorize',
  ],
  ...[
    'duration(',
    'bytes(',
    'ip(',
    '__error__',
    'count_over_time',
    'quantile_over_time',
    'approx_topk',
    'variants',
    'of',
  ],
  ...[
    'span.',
    'resource.',
    'parent.',
    'event:',
    'link:',
    'nil',
    'true',
    'status',
    'kind',
    'duration',
    'select(',
    'compare(',
  ],
  ...[
    'histogram_over_time',
    'count()',
    'avg(',
    'coalesce()',
    'with(most_recent=true)',
    'error',
    'server',
    'rootName',
  ],
  ...[
    '[5m]',
    '[1h:1m]',
    '[5m] offset 1m',
    '[08m]',
    '09',
    '//',
    '/*',
    '*/',
    '5m',
    '1h30m',
    '100ms',
    '1y',
    '0s',
    '-5m',
    '{{.x}}',
    '{{ end }}',
    '{{range $i := .}}',
  ],
  ...[
    '.*',
    '(a+)+$',
    '(?P<x>',
    '[[:alpha:]]',
    'x{1000}',
    '\\pL',
    '(?i)',
    '%s',
    '\u0000',
    '🦆',
    '\ud800',
    'ünï',
    '\n',
    '\t',
    ' ',
  ],
];

const numbers = [
  ...[
    '0',
    '-0',
    '1',
    '-1',
    '0.1',
    '1e308',
    '1e-308',
    '1e999',
    'NaN',
    'Inf',
    '-Inf',
    '+Inf',
    '0x1F',
    '1_000',
    '9007199254740993',
  ],
  ...[
    '9223372036854775807',
    '9223372036854775808',
    '-9223372036854775809',
    '99999999999999999999999',
    '1.',
    '.5',
    '5e',
    '007',
  ],
];

const longest = 200_000;

/** A text that was a query once. */
export function mutated(random: Random, query: string, others: readonly string[]): string {
  let text = query;
  for (let i = random.pick([0, 1, 1, 1, 2, 2, 3, 8]); i > 0; i--)
    text = once(random, text, others).slice(0, longest);
  return text;
}

function once(random: Random, text: string, others: readonly string[]): string {
  const tokens: string[] = text.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) ?? [' '];
  const at = random.below(tokens.length + 1);
  const other = others.length > 0 ? random.pick(others) : text;
  switch (random.below(14)) {
    case 0:
      return tokens.toSpliced(at, 1 + random.below(3)).join('');
    case 1:
      return tokens.toSpliced(at, 0, random.pick(pieces)).join('');
    case 2:
      return tokens.toSpliced(at, 1, random.pick(pieces)).join('');
    case 3:
      return tokens.toSpliced(at, 0, ...tokens.slice(at, at + 1 + random.below(6))).join('');
    case 4: {
      const to = random.below(tokens.length + 1);
      return tokens.with(Math.max(0, Math.min(at, tokens.length - 1)), tokens[to] ?? ' ').join('');
    }
    case 5:
      return text.replace(/\d+(?:\.\d+)?/g, (number) =>
        random.next() < 0.5 ? random.pick(numbers) : number,
      );
    case 6:
      return text.slice(0, random.below(text.length + 1));
    case 7:
      return text.slice(random.below(text.length + 1));
    case 8: {
      const inside = other.slice(random.below(other.length + 1));
      return tokens.toSpliced(at, random.below(4), inside).join('');
    }
    case 9: {
      const depth = random.pick([1, 2, 10, 100, 300, 3000]);
      const [open, close] = random.pick([
        ['(', ')'],
        ['-', ''],
        ['sum(', ')'],
        ['{', '}'],
        ['!', ''],
        ['(', ') + 1'],
        ['abs(', ')'],
      ] as const);
      return open.repeat(depth) + text + close.repeat(depth);
    }
    case 10: {
      const glue = random.pick([' or ', ' + ', ' | ', ' && ', ' || ', ' >> ', ' and ', ',', ' ']);
      return Array.from({ length: random.pick([2, 3, 20, 200]) }, () => text).join(glue);
    }
    case 11: {
      const i = random.below(text.length + 1);
      const code = random.pick([random.below(128), random.below(0xffff)]);
      return text.slice(0, i) + String.fromCharCode(code) + text.slice(i + random.below(2));
    }
    case 12:
      return text.replace(/"[^"]*"/g, (quoted) =>
        random.next() < 0.5 ? JSON.stringify(random.pick(pieces)) : quoted,
      );
    default:
      return text.replace(/"[^"]*"/, () => `"${random.pick(pieces).repeat(random.pick([1, 50, 5000]))}"`);
  }
}

/** Another value of a parameter that is none of a query's text. */
export function mutatedNumber(random: Random, value: string): string {
  return random.pick<() => string>([
    () => random.pick(numbers),
    () => '',
    () => random.pick(pieces),
    () => value + random.pick(pieces),
    () => `-${value}`,
    () => `${value}${value}`,
  ])();
}
