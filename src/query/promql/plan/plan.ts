import type { Grouping } from '../../series/aggregate.js';
import { gridEnd, type Grid } from '../../series/grid.js';
import type { Expr, VectorSelector } from '../syntax/ast.js';
import { divisor, type Edges } from './edges.js';
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

/** What an expression is an argument of. */
interface Parent {
  readonly call?: string;
  /** Its results are added up in these groups. */
  readonly sums?: Grouping | undefined;
}

/**
 * Functions of ranges to which a running total at both ends of the range is enough, where increments are known: the sum of
 * their results is theirs of the sum.
 */
const ofEnds: ReadonlySet<string> = new Set(['rate', 'increase', 'delta']);

/** The window of samples for each selector of the expression. */
export function plan(expr: Expr, times: QueryTimes): Map<VectorSelector, Window> {
  const windows = new Map<VectorSelector, Window>();
  const visit = (node: Expr, grid: Grid, parent: Parent = {}): void => {
    switch (node.kind) {
      case 'selector':
        return look(node, shifted(node, grid, times), node.extension ? 0 : times.lookback, 0);
      case 'matrix': {
        const range = positiveMs(node.range, times);
        const { call = '', sums } = parent;
        const selector = shifted(node.selector, grid, times);
        if (!ofEnds.has(call)) return look(node.selector, selector, range);
        return look(node.selector, selector, range, range, sums);
      }
      case 'subquery': {
        const step = node.step ? positiveMs(node.step, times) : defaultSubqueryStep;
        return visit(
          node.expr,
          subqueryGrid(shifted(node, grid, times), positiveMs(node.range, times), step),
        );
      }
      case 'unary':
        return visit(node.expr, grid);
      case 'paren':
        return visit(node.expr, grid, parent);
      case 'call': {
        const own = { call: node.name, ...(ofEnds.has(node.name) && { sums: parent.sums }) };
        node.args.forEach((arg, i) => {
          if (node.name !== 'info' || i === 0) visit(arg, grid, own);
        });
        const info = infoSelector(node);
        if (info) look(info, shifted(info, grid, times), times.lookback, 0);
        return;
      }
      case 'aggregation':
        if (node.param) visit(node.param, grid);
        return visit(node.expr, grid, node.op === 'sum' ? { sums: node.grouping ?? one } : {});
      case 'binary':
        visit(node.left, grid);
        return visit(node.right, grid);
      default:
    }
  };
  /** `ends`: how far before each step the other end of what it looks at is; undefined where more matters than the ends. */
  const look = (selector: VectorSelector, grid: Grid, back: number, ends?: number, sums?: Grouping) => {
    const before = back + (selector.extension ? times.lookback : 0);
    const after = selector.extension === 'smoothed' ? times.lookback : 0;
    const edges = ends === undefined || selector.extension ? undefined : edgesOf(grid, ends);
    windows.set(selector, {
      ...{ from: grid.start - before, to: gridEnd(grid) + after },
      ...(edges && { edges }),
      ...(edges && sums && { sums }),
    });
  };
  visit(expr, gridOf(times));
  return windows;
}

const one: Grouping = { without: false, labels: [] };

function edgesOf({ start, step, count }: Grid, back: number): Edges | undefined {
  const every = count > 1 ? divisor(step, back) : back;
  return Number.isInteger(start) && Number.isInteger(every) ? { at: start, every } : undefined;
}
