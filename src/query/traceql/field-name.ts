import type { Field, FieldExpr } from './ast.js';
import { displayDuration, display } from './value.js';

/** A field as a query spells it. */
export function fieldName(field: Field): string {
  if (field.kind === 'intrinsic') return field.name;
  const name = /[\s{}()=~!<>&|^,"]/.test(field.name)
    ? `"${field.name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
    : field.name;
  const scope = field.scope === 'none' ? '' : field.scope;
  return `${[field.parent ? 'parent' : '', scope].filter(Boolean).join('.')}.${name}`;
}

/** An expression in the form that labels of answers have, as in `by(span.http.route)`. */
export function exprText(expr: FieldExpr): string {
  switch (expr.kind) {
    case 'attribute':
    case 'intrinsic':
      return fieldName(expr);
    case 'static':
      if (expr.value.type === 'string') return `\`${expr.value.value}\``;
      return expr.value.type === 'duration' ? displayDuration(expr.value.value) : display(expr.value);
    case 'exists':
      return `${operandText(expr.operand)} ${expr.negated ? '=' : '!='} nil`;
    case 'unary':
      return `${expr.op}${operandText(expr.operand)}`;
    case 'binary':
      return `${operandText(expr.left)} ${expr.op} ${operandText(expr.right)}`;
  }
}

function operandText(expr: FieldExpr): string {
  const simple = expr.kind === 'static' || expr.kind === 'attribute' || expr.kind === 'intrinsic';
  return simple ? exprText(expr) : `(${exprText(expr)})`;
}
