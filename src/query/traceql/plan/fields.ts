import { isField, type Field } from '../model/field.js';
import type { FieldExpr, Pipeline, PipelineElement, ScalarExpr } from '../syntax/ast.js';

/** The fields that an expression names, each as often as it does. */
export function exprFields(expr: FieldExpr): Field[] {
  if (isField(expr)) return [expr];
  if (expr.kind === 'static') return [];
  if (expr.kind === 'binary') return [...exprFields(expr.left), ...exprFields(expr.right)];
  return exprFields(expr.operand);
}

/** Every field that the query names, for the answer's span attributes and to know which columns to read. */
export function fieldsOf(pipeline: Pipeline): Field[] {
  const fields: Field[] = [];
  const scalar = (node: ScalarExpr): void => {
    if (node.kind === 'aggregate' && node.operand) fields.push(...exprFields(node.operand));
    else if (node.kind === 'arithmetic') [node.left, node.right].forEach(scalar);
  };
  const element = (node: PipelineElement): void => {
    if (node.kind === 'filter') fields.push(...exprFields(node.condition));
    else if (node.kind === 'operation') [node.left, node.right].forEach(element);
    else if (node.kind === 'pipeline') node.pipeline.elements.forEach(element);
    else if (node.kind === 'scalar') [node.left, node.right].forEach(scalar);
    else if (node.kind === 'by') fields.push(...exprFields(node.operand));
    else if (node.kind === 'select') fields.push(...node.fields);
  };
  pipeline.elements.forEach(element);
  return fields;
}

/** The conditions of all spanset filters of a pipeline. */
export function conditionsOf(pipeline: Pipeline): FieldExpr[] {
  const conditions: FieldExpr[] = [];
  const element = (node: PipelineElement): void => {
    if (node.kind === 'filter') conditions.push(node.condition);
    else if (node.kind === 'operation') [node.left, node.right].forEach(element);
    else if (node.kind === 'pipeline') node.pipeline.elements.forEach(element);
  };
  pipeline.elements.forEach(element);
  return conditions;
}
