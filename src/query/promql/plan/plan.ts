import { gridEnd, type Grid } from '../../series/grid.js';
import type { Expr, VectorSelector } from '../syntax/ast.js';
import {
  defaultSubqueryStep,
  gridOf,
  positiveMs,
  shifted,
  subqueryGrid,
  type QueryTimes,
  type Window,
} from './times.js';

/** The window of samples for each selector of the expression. */
export function plan(expr: Expr, times: QueryTimes): Map<VectorSelector, Window> {
  const windows = new Map<VectorSelector, Window>();
  const visit = (node: Expr, grid: Grid): void => {
    switch (node.kind) {
      case 'selector':
        return look(node, shifted(node, grid, times), times.lookback);
      case 'matrix':
        return look(node.selector, shifted(node.selector, grid, times), positiveMs(node.range, times));
      case 'subquery': {
        const step = node.step ? positiveMs(node.step, times) : defaultSubqueryStep;
        return visit(
          node.expr,
          subqueryGrid(shifted(node, grid, times), positiveMs(node.range, times), step),
        );
      }
      case 'unary':
      case 'paren':
        return visit(node.expr, grid);
      case 'call':
        return node.args.forEach((arg) => visit(arg, grid));
      case 'aggregation':
        if (node.param) visit(node.param, grid);
        return visit(node.expr, grid);
      case 'binary':
        visit(node.left, grid);
        return visit(node.right, grid);
      default:
    }
  };
  const look = (selector: VectorSelector, grid: Grid, back: number) => {
    windows.set(selector, { from: grid.start - back, to: gridEnd(grid) });
  };
  visit(expr, gridOf(times));
  return windows;
}
