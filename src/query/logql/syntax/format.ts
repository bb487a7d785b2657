import type { Grouping } from '../../series/aggregate.js';
import { arithmetic, comparisons } from '../../series/operators.js';
import { plainDecimal, floatText } from '../../text/numbers.js';
import { formatMatcher } from '../grammar/matcher.js';
import { formatPrometheusDuration, formatGoDuration } from '../../text/durations.js';
import { formatStage, type Stage } from '../stages/index.js';
import { formatUnwrap, unwrapParts } from '../stages/unwrap.js';
import type { BinaryExpr, Expr, LogExpr, MetricExpr, RangeExpr } from './ast.js';
import { quote } from '../../text/unquote.js';

/** What is longer than this is written in several lines. */
const longestLine = 100;

/** A query in Loki's form: in one line where it is short, else with a line and an indent for each part. */
export function format(expr: Expr): string {
  return laidOut(expr, 0);
}

const indent = (level: number) => '  '.repeat(level);

function laidOut(expr: Expr, level: number): string {
  const line = inLine(expr);
  if (line.length <= longestLine) return indent(level) + line;
  switch (expr.kind) {
    case 'log':
      return logLines(expr, level);
    case 'range': {
      const { unwrap } = expr;
      const source = [laidOut(expr.log, level + 1), ...(unwrap ? unwrapLines(unwrap, level + 2) : [])].join(
        '\n',
      );
      const offset = expr.offset ? ` offset ${formatPrometheusDuration(expr.offset)}` : '';
      const parts = [
        ...(expr.parameter === undefined ? [] : [`${indent(level + 1)}${floatText(expr.parameter)},`]),
        `${source} [${formatPrometheusDuration(expr.range)}]${offset}`,
      ];
      return `${indent(level)}${expr.op}(\n${parts.join('\n')}\n${indent(level)})${spaced(expr.grouping)}`;
    }
    case 'vector': {
      const parts = [
        ...(expr.parameter === undefined ? [] : [indent(level + 1) + String(expr.parameter)]),
        laidOut(expr.expr, level + 1),
      ];
      return `${indent(level)}${expr.op}${spaced(expr.grouping)}(\n${parts.join(',\n')}\n${indent(level)})`;
    }
    case 'label_replace': {
      const texts = textsOf(expr).map((text) => indent(level + 1) + text);
      const parts = [laidOut(expr.expr, level + 1), ...texts].join(',\n');
      return `${indent(level)}label_replace(\n${parts}\n${indent(level)})`;
    }
    case 'binary':
      return [
        laidOut(expr.left, level + 1),
        indent(level) + operator(expr, ', '),
        laidOut(expr.right, level + 1),
      ].join('\n');
    default:
      return indent(level) + line;
  }
}

function logLines({ matchers, stages }: LogExpr, level: number): string {
  const lines = [indent(level) + inLine({ kind: 'log', matchers, stages: [] })];
  for (const run of stageRuns(stages)) {
    const line = run.map(formatStage).join(' ');
    const inOne = line.length <= longestLine || run.length === 1;
    for (const text of inOne ? [line] : run.map(formatStage)) {
      lines.push((text === '| decolorize' ? '' : indent(level + 1)) + text);
    }
  }
  return lines.join('\n');
}

/** Stages; line filters one after the other are one. */
function stageRuns(stages: readonly Stage[]): Stage[][] {
  const runs: Stage[][] = [];
  for (const stage of stages) {
    const before = runs.at(-1);
    if (stage.kind === 'line' && before?.[0]?.kind === 'line') before.push(stage);
    else runs.push([stage]);
  }
  return runs;
}

function unwrapLines(unwrap: Parameters<typeof unwrapParts>[0], level: number): string[] {
  return unwrapParts(unwrap).map((part) => indent(level) + part);
}

function inLine(expr: Expr): string {
  switch (expr.kind) {
    case 'log':
      return [`{${expr.matchers.map(formatMatcher).join(', ')}}`, ...expr.stages.map(formatStage)].join(' ');
    case 'literal':
      return literal(expr.value);
    case 'constant':
      return `vector(${expr.value.toFixed(6)})`;
    case 'range':
      return rangeInLine(expr);
    case 'vector': {
      const parts = [...(expr.parameter === undefined ? [] : [String(expr.parameter)]), inLine(expr.expr)];
      const own = expr.grouping;
      return `${expr.op}${own && (own.without || own.labels.length > 0) ? grouping(own, ',') : ''}(${parts.join(',')})`;
    }
    case 'label_replace':
      return `label_replace(${[inLine(expr.expr), ...textsOf(expr)].join(',')})`;
    case 'binary':
      if (valueOf(expr) !== undefined) return literal(valueOf(expr) ?? NaN);
      return `(${inLine(expr.left)} ${operator(expr, ',')} ${inLine(expr.right)})`;
  }
}

/** What numbers alone come to. */
function valueOf(expr: Expr): number | undefined {
  if (expr.kind === 'literal') return expr.value;
  if (expr.kind !== 'binary') return undefined;
  const [left, right] = [valueOf(expr.left), valueOf(expr.right)];
  const [calculate, compare] = [arithmetic.get(expr.op), comparisons.get(expr.op)];
  if (left === undefined || right === undefined) return undefined;
  if (compare) return Number(compare(left, right));
  if (!calculate) return undefined;
  return right === 0 && (expr.op === '/' || expr.op === '%') ? NaN : calculate(left, right);
}

function rangeInLine({ op, log, unwrap, range, offset, parameter, grouping: own }: RangeExpr): string {
  const before = parameter === undefined ? '' : `${plainDecimal(parameter)},`;
  const values = unwrap ? ` ${formatUnwrap(unwrap)}` : '';
  const behind = offset ? ` offset ${formatGoDuration(offset)}` : '';
  return `${op}(${before}${inLine(log)}${values}[${formatPrometheusDuration(range)}]${behind})${own ? grouping(own, ',') : ''}`;
}

function literal(value: number): string {
  const small = value !== 0 && Math.abs(value) < 1e-4;
  return small ? value.toExponential().replace(/e-(\d)$/, 'e-0$1') : floatText(value);
}

function grouping({ without, labels }: Grouping, separator: string): string {
  return ` ${without ? 'without' : 'by'} (${labels.join(separator)})`;
}

/** As Loki lays it out, an empty grouping is not written. */
function spaced(own: Grouping | undefined): string {
  return own && own.labels.length > 0 ? grouping(own, ', ') : own?.without ? ' without' : '';
}

function textsOf({
  destination,
  replacement,
  source,
  pattern,
}: MetricExpr & { readonly kind: 'label_replace' }) {
  return [destination, replacement, source, pattern].map(quote);
}

function operator({ op, bool, matching }: BinaryExpr, separator: string): string {
  const { on, labels, include, cardinality } = matching;
  const side =
    cardinality === 'one-to-one' ? '' : cardinality === 'many-to-one' ? 'group_left' : 'group_right';
  const group = include.length > 0 ? `${side} (${include.join(separator)})` : side;
  const matched =
    on || labels.length > 0 ? ` ${on ? 'on' : 'ignoring'} (${labels.join(separator)}) ${group}` : '';
  return `${op}${bool ? ' bool' : ''}${matched}`;
}
