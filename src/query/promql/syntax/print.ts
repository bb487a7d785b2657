import { isLabelName } from '../../attributes/label-name.js';
import type { Grouping } from '../../series/aggregate.js';
import type { Matching } from '../../series/operators.js';
import type { Expr, Modifiers, VectorSelector } from './ast.js';
import { metricName } from '../../series/labels.js';

/** The expression in canonical form, on one line. */
export function print(expr: Expr): string {
  switch (expr.kind) {
    case 'number':
      return expr.text;
    case 'string':
      return JSON.stringify(expr.value);
    case 'paren':
      return `(${print(expr.expr)})`;
    case 'unary':
      return expr.op + print(expr.expr);
    case 'selector':
      return selector(expr) + extension(expr) + modifiers(expr);
    case 'matrix':
      return `${selector(expr.selector)}[${expr.range.text}]${extension(expr.selector)}${modifiers(expr.selector)}`;
    case 'subquery':
      return `${print(expr.expr)}[${expr.range.text}:${expr.step?.text ?? ''}]${modifiers(expr)}`;
    case 'call':
      return `${expr.name}(${expr.args.map(print).join(', ')})`;
    case 'aggregation': {
      const args = expr.param ? `${print(expr.param)}, ${print(expr.expr)}` : print(expr.expr);
      return expr.grouping ? `${expr.op} ${grouping(expr.grouping)} (${args})` : `${expr.op}(${args})`;
    }
    case 'binary': {
      const between = [
        expr.op,
        ...(expr.bool ? ['bool'] : []),
        ...(expr.matching ? matching(expr.matching) : []),
      ];
      return `${print(expr.left)} ${between.join(' ')} ${print(expr.right)}`;
    }
  }
}

function selector({ matchers }: VectorSelector): string {
  const named = matchers.find(
    (m) => m.name === metricName && m.op === '=' && /^[a-zA-Z_:][\w:]*$/.test(m.value),
  );
  const rest = matchers
    .filter((m) => m !== named)
    .map((m) => `${label(m.name)}${m.op}${JSON.stringify(m.value)}`)
    .join(', ');
  return (named?.value ?? '') + (rest || !named ? `{${rest}}` : '');
}

/** In quotes where the old alphabet does not do. */
function label(name: string): string {
  return isLabelName(name) ? name : JSON.stringify(name);
}

function extension({ extension: how }: VectorSelector): string {
  return how ? ` ${how}` : '';
}

function modifiers({ at, offset }: Modifiers): string {
  const time = typeof at === 'number' ? ` @ ${(at / 1000).toFixed(3)}` : at === undefined ? '' : ` @ ${at}()`;
  return time + (offset ? ` offset ${offset.text}` : '');
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
  if (fillLeft !== undefined && Object.is(fillLeft, fillRight)) return [...out, `fill (${fillLeft})`];
  if (fillLeft !== undefined) out.push(`fill_left (${fillLeft})`);
  if (fillRight !== undefined) out.push(`fill_right (${fillRight})`);
  return out;
}
