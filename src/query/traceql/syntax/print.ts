import { fieldName, isField } from '../model/field.js';
import { display, displayDuration } from '../model/value.js';
import type { FieldExpr } from './ast.js';

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
  return expr.kind === 'static' || isField(expr) ? exprText(expr) : `(${exprText(expr)})`;
}
