import type { At, Duration, DurationScope, Expr, Modifiers, VectorSelector } from '../syntax/ast.js';
import { QueryError } from '../../../lake/query-error.js';

/** Evaluation times: `count` steps from `start` on, all in milliseconds. An instant is one step. */
export interface Grid {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

export interface QueryTimes {
  /** First and last evaluation time and the step, unix milliseconds; an instant query has step 0. */
  readonly start: number;
  readonly end: number;
  readonly step: number;
  readonly lookback: number;
}

/** The samples a selector needs: after `from`, up to and including `to` (unix milliseconds). */
export interface Window {
  readonly from: number;
  readonly to: number;
}

export const defaultSubqueryStep = 60_000;

export function gridOf(times: QueryTimes): Grid {
  const { start, end, step } = times;
  return step === 0
    ? { start, step: 1, count: 1 }
    : { start, step, count: Math.floor((end - start) / step) + 1 };
}

export function gridEnd(grid: Grid): number {
  return grid.start + (grid.count - 1) * grid.step;
}

function scopeOf(times: QueryTimes): DurationScope {
  return { step: times.step / 1000, range: (times.end - times.start) / 1000 };
}

/** A range or a resolution, in milliseconds; it has to be positive. */
export function positiveMs(duration: Duration, times: QueryTimes): number {
  const ms = Math.round(duration.seconds(scopeOf(times)) * 1000);
  if (ms > 0 && ms <= 1e15) return ms;
  throw new QueryError('bad_data', `duration must be greater than 0 and in bounds: ${duration.text}`);
}

export function offsetMs(modifiers: Modifiers, times: QueryTimes): number {
  if (!modifiers.offset) return 0;
  const ms = Math.round(modifiers.offset.seconds(scopeOf(times)) * 1000);
  if (Math.abs(ms) <= 1e15) return ms;
  throw new QueryError('bad_data', `offset out of bounds: ${modifiers.offset.text}`);
}

export function atMs(at: At, times: QueryTimes): number {
  return at === 'start' ? times.start : at === 'end' ? times.end : at;
}

/** Times at which a selector or subquery looks, when evaluated on `grid`: shifted by its offset, or fixed by its @. */
export function shifted(modifiers: Modifiers, grid: Grid, times: QueryTimes): Grid {
  const offset = offsetMs(modifiers, times);
  if (modifiers.at === undefined) return { ...grid, start: grid.start - offset };
  return { start: atMs(modifiers.at, times) - offset, step: 0, count: grid.count };
}

/** The steps of a subquery: multiples of its resolution within its range, over all outer steps. */
export function subqueryGrid(outer: Grid, rangeMs: number, step: number): Grid {
  const start = (Math.floor((outer.start - rangeMs) / step) + 1) * step;
  return { start, step, count: Math.max(0, Math.floor((gridEnd(outer) - start) / step) + 1) };
}

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
