import { isField, type Field } from '../model/field.js';
import type { FieldExpr, Pipeline, PipelineElement, ScalarExpr } from '../syntax/ast.js';

/** Every field that the query names, for the answer's span attributes and to know which columns to read. */
export function fieldsOf(pipeline: Pipeline): Field[] {
  const fields: Field[] = [];
  const expr = (node: FieldExpr): void => {
    if (isField(node)) fields.push(node);
    else if (node.kind === 'binary') [node.left, node.right].forEach(expr);
    else if (node.kind !== 'static') expr(node.operand);
  };
  const scalar = (node: ScalarExpr): void => {
    if (node.kind === 'aggregate' && node.operand) expr(node.operand);
    else if (node.kind === 'arithmetic') [node.left, node.right].forEach(scalar);
  };
  const element = (node: PipelineElement): void => {
    if (node.kind === 'filter') expr(node.condition);
    else if (node.kind === 'operation') [node.left, node.right].forEach(element);
    else if (node.kind === 'pipeline') node.pipeline.elements.forEach(element);
    else if (node.kind === 'scalar') [node.left, node.right].forEach(scalar);
    else if (node.kind === 'by') expr(node.operand);
    else if (node.kind === 'select') fields.push(...node.fields);
  };
  pipeline.elements.forEach(element);
  return fields;
}
