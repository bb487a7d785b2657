import type { Grouping } from '../../series/aggregate.js';
import { formatMatcher } from '../grammar/matcher.js';
import { formatDuration } from '../grammar/units.js';
import { formatStage } from '../stages/index.js';
import { formatUnwrap } from '../stages/unwrap.js';
import type { Expr, LogExpr, MetricExpr } from './ast.js';
import { quote } from '../../text/unquote.js';

/** LogQL text of a query, in one line and with its precedence written out. */
export function format(expr: Expr): string {
  return expr.kind === 'log' ? formatLog(expr) : formatMetric(expr);
}

function formatLog(log: LogExpr): string {
  return [`{${log.matchers.map(formatMatcher).join(', ')}}`, ...log.stages.map(formatStage)].join(' ');
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
      const parts = [
        formatLog(expr.log),
        ...(unwrap ? [formatUnwrap(unwrap)] : []),
        `[${formatDuration(expr.range)}]`,
        ...(expr.offset ? [`offset ${formatDuration(expr.offset)}`] : []),
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
