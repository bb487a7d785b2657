import type { Grouping } from '../../series/aggregate.js';
import type { Matcher } from '../../series/matchers.js';
import type { Expr, Extraction, LabelFilter, LogExpr, MetricExpr, Stage } from './ast.js';
import { quote } from '../../text/unquote.js';

/** LogQL text of a query, in one line and with its precedence written out. */
export function format(expr: Expr): string {
  return expr.kind === 'log' ? formatLog(expr) : formatMetric(expr);
}

function formatLog(log: LogExpr): string {
  return [`{${log.matchers.map(matcher).join(', ')}}`, ...log.stages.map(stage)].join(' ');
}

function matcher({ name, op, value }: Matcher): string {
  return `${name}${op}${quote(value)}`;
}

function fields(list: readonly Extraction[]): string {
  return list.map(({ name, path }) => `${name}=${quote(path)}`).join(', ');
}

function stage(each: Stage): string {
  switch (each.kind) {
    case 'line': {
      const any = each.any.map(({ value, ip }) => (ip ? `ip(${quote(value)})` : quote(value)));
      return `${each.op} ${any.join(' or ')}`;
    }
    case 'label':
      return `| ${labelFilter(each.filter)}`;
    case 'json':
      return ['| json', fields(each.fields)].filter(Boolean).join(' ');
    case 'logfmt': {
      const flags = [each.strict && '--strict', each.keepEmpty && '--keep-empty'];
      return ['| logfmt', ...flags, fields(each.fields)].filter(Boolean).join(' ');
    }
    case 'regexp':
    case 'pattern':
      return `| ${each.kind} ${quote(each.pattern)}`;
    case 'unpack':
    case 'decolorize':
      return `| ${each.kind}`;
    case 'line_format':
      return `| line_format ${quote(each.template)}`;
    case 'label_format':
      return `| label_format ${each.assignments
        .map((one) => `${one.name}=${'from' in one ? one.from : quote(one.template)}`)
        .join(', ')}`;
    default:
      return `| ${each.kind} ${each.items.map((item) => (item.matcher ? matcher(item.matcher) : item.name)).join(', ')}`;
  }
}

function labelFilter(filter: LabelFilter): string {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return `(${labelFilter(filter.left)} ${filter.kind} ${labelFilter(filter.right)})`;
    case 'match':
      return matcher(filter.matcher);
    case 'ip':
      return `${filter.name}${filter.op}ip(${quote(filter.value)})`;
    case 'duration':
      return `${filter.name}${filter.op}${nanoseconds(filter.value)}`;
    case 'bytes':
      return `${filter.name}${filter.op}${filter.value}B`;
    case 'number':
      return `${filter.name}${filter.op}${filter.value}`;
  }
}

function nanoseconds(value: number): string {
  const units = [
    ['h', 3600e9],
    ['m', 60e9],
    ['s', 1e9],
    ['ms', 1e6],
    ['us', 1e3],
    ['ns', 1],
  ] as const;
  let rest = Math.abs(value);
  let out = '';
  for (const [unit, size] of units) {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    if (amount > 0) out += `${amount}${unit}`;
  }
  return `${value < 0 ? '-' : ''}${out || '0s'}`;
}

function grouping(each: Grouping | undefined): string {
  return each ? ` ${each.without ? 'without' : 'by'} (${each.labels.join(', ')})` : '';
}

function formatMetric(expr: MetricExpr): string {
  switch (expr.kind) {
    case 'literal':
      return String(expr.value);
    case 'constant':
      return `vector(${expr.value})`;
    case 'range': {
      const { unwrap } = expr;
      const name = unwrap && (unwrap.conversion ? `${unwrap.conversion}(${unwrap.name})` : unwrap.name);
      const parts = [
        formatLog(expr.log),
        ...(unwrap
          ? [`| unwrap ${name}`, ...unwrap.filters.map((filter) => `| ${labelFilter(filter)}`)]
          : []),
        `[${nanoseconds(expr.range)}]`,
        ...(expr.offset ? [`offset ${nanoseconds(expr.offset)}`] : []),
      ];
      const parameter = expr.parameter === undefined ? '' : `${expr.parameter}, `;
      return `${expr.op}(${parameter}${parts.join(' ')})${grouping(expr.grouping)}`;
    }
    case 'vector': {
      const parameter = expr.parameter === undefined ? '' : `${expr.parameter}, `;
      return `${expr.op}${grouping(expr.grouping)}${expr.grouping ? ' ' : ''}(${parameter}${formatMetric(expr.expr)})`;
    }
    case 'label_replace': {
      const texts = [expr.destination, expr.replacement, expr.source, expr.pattern].map(quote);
      return `label_replace(${[formatMetric(expr.expr), ...texts].join(', ')})`;
    }
    case 'binary': {
      const { matching } = expr;
      const group =
        matching.cardinality !== 'one-to-one' && (matching.cardinality === 'many-to-one' ? 'left' : 'right');
      const modifiers = [
        expr.bool && 'bool',
        (matching.on || matching.labels.length > 0 || group) &&
          `${matching.on ? 'on' : 'ignoring'} (${matching.labels.join(', ')})`,
        group && `group_${group} (${matching.include.join(', ')})`,
      ].filter(Boolean);
      return `(${[formatMetric(expr.left), expr.op, ...modifiers, formatMetric(expr.right)].join(' ')})`;
    }
  }
}
