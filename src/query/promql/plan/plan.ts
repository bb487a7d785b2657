import { gridEnd, type Grid } from '../../series/grid.js';
import type { Expr, VectorSelector } from '../syntax/ast.js';
import { infoSelector } from './info.js';
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
        return look(node, shifted(node, grid, times), node.extension ? 0 : times.lookback);
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
      case 'call': {
        node.args.forEach((arg, i) => {
          if (node.name !== 'info' || i === 0) visit(arg, grid);
        });
        const info = infoSelector(node);
        if (info) look(info, shifted(info, grid, times), times.lookback);
        return;
      }
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
    const before = back + (selector.extension ? times.lookback : 0);
    const after = selector.extension === 'smoothed' ? times.lookback : 0;
    windows.set(selector, { from: grid.start - before, to: gridEnd(grid) + after });
  };
  visit(expr, gridOf(times));
  return windows;
}
