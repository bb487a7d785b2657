import type { Grammar, Rule } from '../../../grammar/index.js';

/** The names of Loki's lexer for what has no text of its own. */
export const functions = (
  'COUNT_OVER_TIME RATE RATE_COUNTER SUM SORT SORT_DESC AVG MAX MIN COUNT STDDEV STDVAR BOTTOMK TOPK APPROX_TOPK ' +
  'BYTES_OVER_TIME BYTES_RATE AVG_OVER_TIME SUM_OVER_TIME MIN_OVER_TIME MAX_OVER_TIME STDVAR_OVER_TIME STDDEV_OVER_TIME ' +
  'QUANTILE_OVER_TIME FIRST_OVER_TIME LAST_OVER_TIME ABSENT_OVER_TIME VECTOR'
).split(' ');
export const conversions = ['BYTES_CONV', 'DURATION_CONV', 'DURATION_SECONDS_CONV'];

const operators = [
  { names: ['or'] },
  { names: ['and', 'unless'] },
  { names: ['==', '!=', '<', '<=', '>', '>='] },
  { names: ['+', '-'] },
  { names: ['*', '/', '%'] },
  { names: ['^'], side: 'right' as const },
];

export const terminals = [
  ...'BYTES IDENTIFIER STRING NUMBER FUNCTION_FLAG DURATION RANGE = =~ !~ !> { } [ ] , . |~ |= |> ( ) by without'.split(
    ' ',
  ),
  ...functions.slice(0, 17),
  ...'bool json regexp logfmt | line_format label_format unwrap'.split(' '),
  ...functions.slice(17, 24),
  ...conversions,
  ...functions.slice(24),
  ...'label_replace unpack offset pattern ip on ignoring group_left group_right decolorize drop keep variants of'.split(
    ' ',
  ),
  ...operators.flatMap(({ names }) => names),
];

const rules: Rule[] = [];

/** `makes` of each of the texts, whose names have a blank between them. */
function rule(makes: string, ...texts: readonly string[]): void {
  for (const text of texts) rules.push({ makes, of: text === '' ? [] : text.split(' ') });
}

/** One or more of `item`. */
function list(makes: string, item: string): void {
  rule(makes, item, `${makes} , ${item}`);
}

rule('Query', 'Log', 'Metric', 'Variants');
rule('Log', 'Selector', 'Selector Pipeline', '( Log )');
rule(
  'Metric',
  'RangeAggregation',
  'VectorAggregation',
  'Operation',
  'Literal',
  'LabelReplace',
  'Vector',
  '( Metric )',
);
rule('Variants', 'variants ( Metrics ) of ( Range )');
list('Metrics', 'Metric');

for (const what of ['Selector', 'Selector Unwrap', 'Selector Pipeline', 'Selector Pipeline Unwrap']) {
  for (const range of [`${what} RANGE`, `( ${what} ) RANGE`]) rule('Range', range, `${range} Offset`);
}
for (const range of ['Selector RANGE', 'Selector RANGE Offset']) {
  rule('Range', `${range} Unwrap`, `${range} Pipeline`, `${range} Pipeline Unwrap`);
}
rule('Range', '( Selector ) RANGE Unwrap', '( Selector ) RANGE Offset Unwrap', '( Range )', 'Range error');
rule('Unwrap', '| unwrap IDENTIFIER', '| unwrap Conversion ( IDENTIFIER )', 'Unwrap | LabelFilter');
rule('Conversion', ...conversions);
rule('Offset', 'offset DURATION');

rule(
  'RangeAggregation',
  ...['Range', 'NUMBER , Range'].flatMap((of) => [`RangeOp ( ${of} )`, `RangeOp ( ${of} ) Grouping`]),
);
rule(
  'VectorAggregation',
  ...['Metric', 'NUMBER , Metric'].flatMap((of) => [
    `VectorOp ( ${of} )`,
    `VectorOp Grouping ( ${of} )`,
    `VectorOp ( ${of} ) Grouping`,
  ]),
);
rule('LabelReplace', 'label_replace ( Metric , STRING , STRING , STRING , STRING )');
rule('Vector', 'VectorName ( NUMBER )');
rule('VectorName', 'VECTOR');
rule('Literal', 'NUMBER', '+ NUMBER', '- NUMBER');
const vectorFunction = /^(SUM|SORT|SORT_DESC|AVG|MAX|MIN|COUNT|STDDEV|STDVAR|BOTTOMK|TOPK|APPROX_TOPK)$/;
rule('VectorOp', ...functions.filter((name) => vectorFunction.test(name)));
rule('RangeOp', ...functions.filter((name) => !vectorFunction.test(name) && name !== 'VECTOR'));
rule('Grouping', ...['by', 'without'].flatMap((word) => [`${word} ( Names )`, `${word} ( )`]));
list('Names', 'IDENTIFIER');

for (const { names } of operators)
  for (const name of names) rule('Operation', `Query ${name} Modifier Query`);
rule('Bool', '', 'bool');
rule('Matching', ...['on', 'ignoring'].flatMap((word) => [`Bool ${word} ( Names )`, `Bool ${word} ( )`]));
rule('Modifier', 'Bool', 'Matching');
for (const side of ['group_left', 'group_right']) {
  rule('Modifier', `Matching ${side}`, `Matching ${side} ( )`, `Matching ${side} ( Names )`);
}

rule('Selector', '{ Matchers }', '{ Matchers error', '{ }');
list('Matchers', 'Matcher');
rule('Matcher', ...['=', '!=', '=~', '!~'].map((operator) => `IDENTIFIER ${operator} STRING`));

rule('Pipeline', 'Stage', 'Pipeline Stage');
rule('Stage', 'LineFilters');
const stages =
  'LogfmtParser Parser JsonFields LogfmtFields LabelFilter LineFormat Decolorize LabelFormat Drop Keep';
for (const stage of stages.split(' ')) rule('Stage', `| ${stage}`);
rule('LineFilterOp', '|~', '|=', '|>', '!~', '!=', '!>');
rule('IpOp', 'ip');
rule('Alternative', 'STRING', 'STRING or Alternative', 'IpOp ( STRING )');
rule('LineFilter', 'LineFilterOp STRING', 'LineFilterOp IpOp ( STRING )', 'LineFilter or Alternative');
rule('LineFilters', 'LineFilter', 'LineFilters LineFilter');
rule('Flags', 'FUNCTION_FLAG', 'Flags FUNCTION_FLAG');
rule('LogfmtParser', 'logfmt', 'logfmt Flags');
rule('Parser', 'json', 'regexp STRING', 'unpack', 'pattern STRING');
rule('JsonFields', 'json Fields');
rule('LogfmtFields', 'logfmt Flags Fields', 'logfmt Fields');
list('Fields', 'Field');
rule('Field', 'IDENTIFIER = STRING', 'IDENTIFIER');
rule('LineFormat', 'line_format STRING');
rule('Decolorize', 'decolorize');
rule('LabelFormat', 'label_format Formats');
list('Formats', 'Format');
rule('Formats', 'Formats , error');
rule('Format', 'IDENTIFIER = IDENTIFIER', 'IDENTIFIER = STRING');
rule('Drop', 'drop NamedMatchers');
rule('Keep', 'keep NamedMatchers');
list('NamedMatchers', 'NamedMatcher');
rule('NamedMatcher', 'IDENTIFIER', 'Matcher');

rule(
  'LabelFilter',
  'Matcher',
  'IpFilter',
  'UnitFilter',
  'NumberFilter',
  '( LabelFilter )',
  'LabelFilter LabelFilter',
);
rule('LabelFilter', ...['and', ',', 'or'].map((word) => `LabelFilter ${word} LabelFilter`));
rule('IpFilter', ...['=', '!='].map((operator) => `IDENTIFIER ${operator} ip ( STRING )`));
rule('UnitFilter', 'DurationFilter', 'BytesFilter');
for (const [filter, value] of [
  ['DurationFilter', 'DURATION'],
  ['BytesFilter', 'BYTES'],
  ['NumberFilter', 'Literal'],
] as const) {
  rule(
    filter,
    ...['>', '>=', '<', '<=', '!=', '=', '=='].map((operator) => `IDENTIFIER ${operator} ${value}`),
  );
}

/** LogQL as Loki 3.7 reads it. */
export const grammar: Grammar = { terminals, operators, start: 'Query', rules };
