import { QueryError } from '../../../lake/query-error.js';
import { evaluationError } from '../../series/context.js';
import type { Matcher } from '../../series/matchers.js';
import type { StepSeries, Value } from '../../series/series.js';
import type { RangeVector } from '../../series/windows.js';
import type { Arguments } from '../functions/function.js';
import { functions } from '../functions/index.js';
import { unwrap, type Call, type Expr, type Extension } from '../syntax/ast.js';
import type { EvalContext } from './context.js';
import { infoSelector } from '../plan/info.js';
import { rangeVector } from './range-vector.js';
import { select } from './select.js';

type Evaluate = (ctx: EvalContext, expr: Expr) => Promise<Value>;

/** Runs a function of the registry; `evaluate` gives its arguments. */
export async function call(ctx: EvalContext, expr: Call, evaluate: Evaluate): Promise<Value> {
  const run = functions.get(expr.name)?.run;
  if (!run) throw new QueryError('unsupported', `the function ${expr.name} is not supported`);
  return run(ctx, new CallArguments(ctx, expr, evaluate));
}

/** Which functions know what to do with samples beyond a range. */
const extendedFunctions: Readonly<Record<Extension, readonly string[]>> = {
  anchored: ['changes', 'delta', 'increase', 'rate', 'resets'],
  smoothed: ['delta', 'increase', 'rate'],
};

class CallArguments implements Arguments {
  constructor(
    private readonly ctx: EvalContext,
    private readonly call: Call,
    private readonly evaluate: Evaluate,
  ) {}

  get count(): number {
    return this.call.args.length;
  }

  get start(): number {
    return this.call.from;
  }

  position(i: number): number {
    const arg = this.call.args[i];
    if (!arg) return 0;
    const { kind, from } = unwrap(arg);
    // Prometheus has the start of the query for what a subquery gives.
    return kind === 'subquery' ? 0 : from;
  }

  async vector(i: number): Promise<readonly StepSeries[]> {
    return (await this.#value(i, 'vector')).series;
  }

  async scalar(i: number): Promise<Float64Array> {
    return (await this.#value(i, 'scalar')).values;
  }

  async text(i: number): Promise<string> {
    return (await this.#value(i, 'string')).text;
  }

  range(i: number): Promise<RangeVector> {
    const expr = this.#expr(i);
    if (expr.kind !== 'matrix' && expr.kind !== 'subquery') throw new Error('a range vector was expected');
    const extension = expr.kind === 'matrix' ? expr.selector.extension : undefined;
    if (extension && !extendedFunctions[extension].includes(this.call.name)) {
      throw evaluationError(
        `${extension} modifier can only be used with: ${extendedFunctions[extension].join(', ')} - not with ${this.call.name}`,
      );
    }
    return rangeVector(this.ctx, expr, this.evaluate);
  }

  async sampleTimes(i: number): Promise<readonly StepSeries[] | undefined> {
    const expr = this.#expr(i);
    return expr.kind === 'selector' ? select(this.ctx, expr, 'time') : undefined;
  }

  async infoSeries(): Promise<{ series: readonly StepSeries[]; times: readonly StepSeries[] }> {
    const selector = infoSelector(this.call);
    if (!selector) return { series: [], times: [] };
    return { series: await select(this.ctx, selector), times: await select(this.ctx, selector, 'time') };
  }

  matchers(i: number): readonly Matcher[] {
    const expr = this.#expr(i);
    const selector = expr.kind === 'matrix' ? expr.selector : expr;
    return selector.kind === 'selector' ? selector.matchers : [];
  }

  #expr(i: number): Expr {
    const expr = this.call.args[i];
    if (!expr) throw new Error('an argument is missing');
    return unwrap(expr);
  }

  async #value<T extends Value['type']>(i: number, type: T): Promise<Extract<Value, { type: T }>> {
    const value = await this.evaluate(this.ctx, this.#expr(i));
    if (value.type !== type) throw new Error(`argument ${i} is no ${type}`);
    return value as Extract<Value, { type: T }>;
  }
}
