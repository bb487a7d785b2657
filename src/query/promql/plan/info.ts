import { metricName } from '../../series/labels.js';
import type { Matcher } from '../../series/matchers.js';
import {
  children,
  unwrap,
  type Call,
  type Expr,
  type Modifiers,
  type VectorSelector,
} from '../syntax/ast.js';
import { durationOf } from '../syntax/durations.js';
import { typeOf } from './check.js';

const made = new WeakMap<Call, VectorSelector>();

/** The info series that a call of `info` looks at: those of its second argument, `target_info` without one. */
export function infoSelector(call: Call): VectorSelector | undefined {
  if (call.name !== 'info') return undefined;
  const known = made.get(call);
  if (known) return known;
  const given = call.args[1] && unwrap(call.args[1]);
  const matchers = given?.kind === 'selector' ? given.matchers : [];
  const selector: VectorSelector = {
    kind: 'selector',
    name: '',
    matchers: withName(matchers),
    from: call.from,
    to: call.to,
    ...(call.args[0] ? modifiersOf(call.args[0]) : {}),
  };
  made.set(call, selector);
  return selector;
}

function withName(matchers: readonly Matcher[]): Matcher[] {
  const names = matchers.filter(({ name }) => name === metricName);
  if (names.some(({ op }) => op === '=' || op === '=~')) return [...matchers];
  const name: Matcher =
    names.length > 0
      ? { name: metricName, op: '=~', value: '.+_info' }
      : { name: metricName, op: '=', value: 'target_info' };
  return [name, ...matchers];
}

/** The time at which all selectors of an expression look; none where they differ, or something has no selector. */
function modifiersOf(expr: Expr): Modifiers {
  const all: Modifiers[] = [];
  let without = false;
  const visit = (node: Expr, outer: Modifiers): boolean => {
    const type = typeOf(node);
    if (type !== 'vector' && type !== 'matrix') return false;
    if (node.kind === 'selector') {
      all.push(within(node, outer));
      return true;
    }
    const next = node.kind === 'subquery' ? within(node, outer) : outer;
    const of = node.kind === 'call' && node.name === 'info' ? node.args.slice(0, 1) : children(node);
    const found = of.map((child) => visit(child, next)).some(Boolean);
    if (!found) without = true;
    return found;
  };
  visit(expr, {});
  const [first] = all;
  return first && !without && all.every((one) => key(one) === key(first)) ? first : {};
}

/** Offsets add up from the outside in, until something is pinned by @. */
function within(inner: Modifiers, outer: Modifiers): Modifiers {
  if (inner.at !== undefined) return pick(inner);
  const [a, b] = [inner.offset, outer.offset];
  const offset =
    a && b
      ? durationOf({
          ...{ kind: 'operation', op: '+', left: a.tree, right: b.tree, wrapped: false },
          ...{ from: b.tree.from, to: a.tree.to },
        })
      : (a ?? b);
  return pick({ ...(outer.at === undefined ? {} : { at: outer.at }), ...(offset ? { offset } : {}) });
}

function pick({ at, offset }: Modifiers): Modifiers {
  return { ...(at === undefined ? {} : { at }), ...(offset ? { offset } : {}) };
}

function key({ at, offset }: Modifiers): string {
  const seconds = offset?.seconds({ step: NaN, range: NaN }) ?? 0;
  return typeof at === 'number' ? String(at - seconds * 1000) : `${at ?? ''}/${seconds}`;
}
