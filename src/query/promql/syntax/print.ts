import { isLabelName } from '../../attributes/label-name.js';
import type { Grouping } from '../../series/aggregate.js';
import { metricName } from '../../series/labels.js';
import type { Matching } from '../../series/operators.js';
import { byteOrder } from '../../text/byte-order.js';
import { formatPrometheusDuration } from '../../text/durations.js';
import { goQuote } from '../../text/go-quote.js';
import { plainDecimal, shortG } from '../../text/numbers.js';
import type { Aggregation, Binary, Duration, DurationTree, Expr, Modifiers, VectorSelector } from './ast.js';

/** Longer expressions are split over lines. */
const longestLine = 100;
const indentation = '  ';

/** The expression in canonical form, as Prometheus' `format_query` gives it: on several lines where it is long. */
export function pretty(expr: Expr, level = 0): string {
  const indent = indentation.repeat(level);
  const line = print(expr);
  // A subquery has its indentation from what it looks at, and none where it is short, as in Prometheus.
  if (expr.kind === 'subquery' && Buffer.byteLength(line) <= longestLine) return line;
  if (expr.kind === 'unary') return indent + expr.op + pretty(expr.expr, level).trim();
  if (Buffer.byteLength(line) <= longestLine) return indent + line;
  switch (expr.kind) {
    case 'paren':
      return `${indent}(\n${pretty(expr.expr, level + 1)}\n${indent})`;
    case 'subquery':
      return pretty(expr.expr, level) + subqueryEnd(expr);
    case 'call': {
      const args = expr.args.map((arg) => pretty(arg, level + 1)).join(',\n');
      return `${indent}${expr.name}(\n${args}\n${indent})`;
    }
    case 'aggregation': {
      const args = [...(expr.param ? [expr.param] : []), expr.expr].map((arg) => pretty(arg, level + 1));
      return `${indent}${aggregationHead(expr)}(\n${args.join(',\n')}\n${indent})`;
    }
    case 'binary': {
      const [left, right] = [pretty(expr.left, level + 1), pretty(expr.right, level + 1)];
      return `${left}\n${indent}${operator(expr)}\n${right}`;
    }
    default:
      return indent + line;
  }
}

/** The expression in canonical form, on one line. */
export function print(expr: Expr): string {
  switch (expr.kind) {
    case 'number':
      return expr.isDuration ? secondsText(expr.value) : plainDecimal(expr.value);
    case 'string':
      return goQuote(expr.value);
    case 'paren':
      return `(${print(expr.expr)})`;
    case 'unary':
      return expr.op + print(expr.expr);
    case 'selector':
      return selector(expr) + atText(expr) + extension(expr) + offsetText(expr);
    case 'matrix': {
      const { selector: inner, range } = expr;
      return `${selector(inner)}[${durationText(range)}]${extension(inner)}${atText(inner)}${offsetText(inner)}`;
    }
    case 'subquery':
      return print(expr.expr) + subqueryEnd(expr);
    case 'call':
      return `${expr.name}(${expr.args.map(print).join(', ')})`;
    case 'aggregation': {
      const args = expr.param ? `${print(expr.param)}, ${print(expr.expr)}` : print(expr.expr);
      return `${aggregationHead(expr)}(${args})`;
    }
    case 'binary':
      return `${print(expr.left)} ${operator(expr)} ${print(expr.right)}`;
  }
}

function subqueryEnd(expr: Extract<Expr, { kind: 'subquery' }>): string {
  const step = expr.step ? durationText(expr.step) : '';
  return `[${durationText(expr.range)}:${step}]${atText(expr)}${offsetText(expr)}`;
}

function aggregationHead({ op, grouping: group }: Aggregation): string {
  return group && (group.without || group.labels.length > 0) ? `${op} ${grouping(group)} ` : op;
}

function operator({ op, bool, matching: match }: Binary): string {
  return [op, ...(bool ? ['bool'] : []), ...(match ? matching(match) : [])].join(' ');
}

/** Matchers are in the order of their texts. */
function selector({ name, matchers }: VectorSelector): string {
  const rest = matchers
    .filter((m) => !(m.name === metricName && m.op === '=' && m.value === name && name !== ''))
    .map((m) => `${label(m.name)}${m.op}${goQuote(m.value)}`)
    .sort(byteOrder)
    .join(',');
  return name + (rest === '' ? '' : `{${rest}}`);
}

/** In quotes where the old alphabet does not do. */
function label(name: string): string {
  return isLabelName(name) ? name : goQuote(name);
}

function extension({ extension: how }: VectorSelector): string {
  return how ? ` ${how}` : '';
}

function atText({ at }: Modifiers): string {
  if (at === undefined) return '';
  return typeof at === 'number' ? ` @ ${(at / 1000).toFixed(3)}` : ` @ ${at}()`;
}

function offsetText({ offset }: Modifiers): string {
  if (!offset || (offset.tree.kind === 'literal' && offset.tree.seconds === 0)) return '';
  return ` offset ${durationText(offset)}`;
}

/** A duration in canonical form. */
export function durationText({ tree }: Duration): string {
  return tree.kind === 'literal' ? secondsText(tree.seconds) : treeText(tree);
}

function treeText(tree: DurationTree): string {
  if (tree.kind === 'literal')
    return tree.isDuration ? secondsText(tree.seconds) : plainDecimal(tree.seconds);
  const { op, wrapped } = tree;
  const [left, right] = [tree.left, tree.right].map((side) => side && treeText(side));
  const text =
    op === 'step' || op === 'range'
      ? `${op}()`
      : op === 'min_of' || op === 'max_of'
        ? `${op}(${left}, ${right})`
        : left === null
          ? `${op === '-' ? '-' : ''}${right}`
          : `${left} ${op} ${right}`;
  return wrapped ? `(${text})` : text;
}

function secondsText(seconds: number): string {
  return formatPrometheusDuration(Math.round(seconds * 1e9));
}

function grouping({ without, labels }: Grouping): string {
  return `${without ? 'without' : 'by'} (${labels.map(label).join(', ')})`;
}

function matching({ on, labels, cardinality, include, fillLeft, fillRight }: Matching): string[] {
  const out: string[] = [];
  if (on || labels.length > 0 || cardinality !== 'one-to-one')
    out.push(`${on ? 'on' : 'ignoring'} (${labels.map(label).join(', ')})`);
  if (cardinality !== 'one-to-one') {
    out.push(
      `${cardinality === 'many-to-one' ? 'group_left' : 'group_right'} (${include.map(label).join(', ')})`,
    );
  }
  if (fillLeft !== undefined && fillLeft === fillRight) return [...out, `fill (${shortG(fillLeft)})`];
  if (fillLeft !== undefined) out.push(`fill_left (${shortG(fillLeft)})`);
  if (fillRight !== undefined) out.push(`fill_right (${shortG(fillRight)})`);
  return out;
}
