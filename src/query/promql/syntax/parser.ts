import type { SyntaxNode } from '@lezer/common';
import { parser as promqlParser } from '@prometheus-io/lezer-promql';
import { QueryError } from '../../../lake/query-error.js';
import type { Grouping } from '../../series/aggregate.js';
import { metricName } from '../../series/labels.js';
import type { Matcher, MatchOp } from '../../series/matchers.js';
import { parseTree, withPlainNames } from '../../text/lezer.js';
import { checkShape, tokens, type ShapeLimits } from '../../text/shape.js';
import { unquote } from '../../text/unquote.js';
import { children, type At, type Duration, type Expr, type Extension } from './ast.js';
import { childNodes, duration } from './durations.js';
import { parseError } from './errors.js';
import { faultAt } from './fault.js';
import { isKeyword } from './words.js';
import { climb, type Item, type Operator } from './precedence.js';
import { literalNumber } from './literals.js';
import { matching } from './matching.js';
import { withKnownFunctions, withoutTrailingDots } from './readable.js';

const parser = withPlainNames(promqlParser);
const maxDepth = 500;
const shape: ShapeLimits = {
  maxLength: 64 * 1024,
  maxDepth,
  maxItems: 1000,
};

/** Parses PromQL; its types are not checked yet. Throws QueryError `bad_data` with `line:column`, or `unsupported`. */
export function parseExpr(source: string): Expr {
  if (/^[ \t\n\r]*$/.test(source)) {
    throw new QueryError('bad_data', 'unknown position: parse error: no expression found in input');
  }
  checkShape(source, shape);
  let readable = withoutTrailingDots(source);
  let tree = parseTree(parser, readable);
  const fault = firstFault(tree.topNode);
  if (fault) {
    readable = withKnownFunctions(readable);
    tree = parseTree(parser, readable);
    const still = firstFault(tree.topNode);
    if (still) throw syntaxError(source, readable, still.from);
  }
  const [root] = childNodes(tree.topNode);
  if (!root) throw syntaxError(source, readable, 0);
  try {
    const expr = new Converter(readable, source).expr(root);
    if (depth(expr) > maxDepth) throw new RangeError();
    return expr;
  } catch (error) {
    // The call stack ends before the depth can be measured when a query is nested without any sense.
    if (!(error instanceof RangeError)) throw error;
    throw new QueryError('bad_data', `the query is nested or chained deeper than ${maxDepth} levels`);
  }
}

function depth(expr: Expr): number {
  return 1 + Math.max(0, ...children(expr).map(depth));
}

function firstFault(top: SyntaxNode): SyntaxNode | undefined {
  let found: SyntaxNode | undefined;
  top.cursor().iterate((ref) => {
    if (found) return false;
    if (ref.type.isError) found = ref.node;
    return !found;
  });
  return found;
}

/** A call of what is no function. */
interface UnknownCall {
  readonly from: number;
  readonly name: string;
  /** Where its parentheses are closed, Infinity where they are not. */
  readonly end: number;
}

/** More are not looked for: each costs a parse. */
const mostUnknown = 20;

/** Prometheus reads a call to its end before it says that it does not know the function. */
function syntaxError(source: string, readable: string, fault: number): QueryError {
  const unknown: UnknownCall[] = [];
  let at: number | undefined = fault;
  for (let text = readable; at !== undefined && unknown.length < mostUnknown;) {
    const call = unknownCall(source, text, at);
    if (!call) break;
    unknown.push(call);
    // Any function that the grammar knows, as it does not count arguments.
    const stand = call.name.length < 3 ? 'ln' : 'abs';
    if (call.name.length < stand.length) {
      at = undefined;
      break;
    }
    text =
      text.slice(0, call.from) + stand.padEnd(call.name.length) + text.slice(call.from + call.name.length);
    at = firstFault(parseTree(parser, text).topNode)?.from;
  }
  const unclosed = unknown.some(({ end }) => end === Infinity);
  const stumbled = at ?? (unclosed ? source.length : undefined);
  const other = stumbled === undefined ? undefined : faultAt(source, solid(source, stumbled));
  const before = other?.from ?? Infinity;
  const [first] = unknown
    .filter(({ end }) => end < before || (end === Infinity && other === undefined))
    .sort((a, b) => a.end - b.end);
  if (first)
    return parseError(source, first.from, `unknown function with name ${JSON.stringify(first.name)}`);
  return parseError(source, other?.from ?? fault, other?.message ?? 'unexpected input');
}

/** The first character from `at` on that is no blank and in no comment. */
function solid(source: string, at: number): number {
  return at + (/^([ \t\n\r]|#[^\n]*(\n|$))*/.exec(source.slice(at))?.[0].length ?? 0);
}

function unknownCall(source: string, text: string, fault: number): UnknownCall | undefined {
  const at = solid(text, fault);
  const called = /(?<!\w)([a-zA-Z_]\w*)\s*$/.exec(text.slice(0, at));
  if (!called?.[1] || isKeyword(called[1]) || !text.startsWith('(', at) || faultAt(source, at).from !== at)
    return undefined;
  let depth = 0;
  for (const token of tokens(source.slice(at))) {
    if (token.text === '(') depth++;
    if (token.text === ')' && --depth === 0)
      return { from: called.index, name: called[1], end: at + token.at };
  }
  return { from: called.index, name: called[1], end: Infinity };
}

/**
 * The grammar library's tree is made for editors: it does not keep the precedence of postfix operators
 * (`a + b offset 5m` comes as `(a + b) offset 5m`). So operators are flattened and put together again.
 */
class Converter {
  constructor(
    private readonly source: string,
    /** As written; `source` has stand-ins of the same length. */
    private readonly written: string,
  ) {}

  expr(node: SyntaxNode): Expr {
    const items: Item[] = [];
    this.#flatten(node, items);
    return climb(items);
  }

  #text(node: SyntaxNode): string {
    return this.source.slice(node.from, node.to);
  }

  #flatten(node: SyntaxNode, items: Item[]): void {
    const parts = childNodes(node);
    const [first, second] = parts;
    const last = parts.at(-1);
    if (node.name === 'BinaryExpr' && first && second && last) {
      this.#flatten(first, items);
      items.push(this.#operator(second, parts.slice(2, -1)));
      this.#flatten(last, items);
    } else if (node.name === 'UnaryExpr' && first && last) {
      items.push({ kind: 'sign', op: this.#text(first) === '-' ? '-' : '+', from: first.from });
      this.#flatten(last, items);
    } else if (node.name === 'NumberDurationLiteral') {
      this.#number(node, items);
    } else if (
      /^(OffsetExpr|StepInvariantExpr|MatrixSelector|SubqueryExpr|AnchoredExpr|SmoothedExpr)$/.test(
        node.name,
      ) &&
      first
    ) {
      this.#flatten(first, items);
      const operand = items.at(-1);
      if (operand?.kind !== 'operand') throw parseError(this.source, node.from, 'unexpected modifier');
      items[items.length - 1] = { kind: 'operand', expr: this.#postfix(node, parts, operand.expr) };
    } else {
      items.push({ kind: 'operand', expr: this.#operand(node, parts) });
    }
  }

  /** The grammar takes a sign as part of a number, but `-1 ^ 2` is -(1 ^ 2). */
  #number(node: SyntaxNode, items: Item[]): void {
    const text = this.#text(node);
    const sign = /^([+-])\s*/.exec(text);
    if (sign) items.push({ kind: 'sign', op: sign[1] === '-' ? '-' : '+', from: node.from });
    const digits = text.slice(sign?.[0].length ?? 0);
    const value = literalNumber(digits);
    if (value === undefined) {
      throw parseError(this.source, node.from, `bad number or duration syntax: ${JSON.stringify(digits)}`);
    }
    items.push({
      kind: 'operand',
      expr: { kind: 'number', value, text: digits, from: node.from, to: node.to },
    });
  }

  #operator(node: SyntaxNode, modifiers: readonly SyntaxNode[]): Operator {
    const op = this.#text(node).toLowerCase();
    const bool = modifiers.some((m) => m.name === 'BoolModifier');
    const match = matching(
      modifiers,
      (n) => this.#text(n),
      (n) => this.#labels(n),
    );
    return { kind: 'operator', op, bool, at: node.from, ...(match && { matching: match }) };
  }

  #postfix(node: SyntaxNode, parts: readonly SyntaxNode[], inner: Expr): Expr {
    const span = { from: inner.from, to: node.to };
    const [, second, third] = parts;
    if (node.name === 'MatrixSelector') {
      if (inner.kind !== 'selector') {
        throw parseError(
          this.source,
          bracketBefore(this.source, second ?? node),
          'ranges only allowed for vector selectors',
        );
      }
      if (inner.offset || inner.at !== undefined) {
        throw parseError(this.source, inner.from, 'no offset or @ modifiers allowed before range');
      }
      return { kind: 'matrix', selector: inner, range: this.#range(second ?? node), ...span };
    }
    if (node.name === 'SubqueryExpr') {
      const step = third ? { step: this.#range(third) } : {};
      return {
        kind: 'subquery',
        expr: inner,
        range: this.#range(second ?? node),
        ...step,
        ...span,
      };
    }
    if (node.name === 'AnchoredExpr' || node.name === 'SmoothedExpr') {
      return this.#extended(inner, node.name === 'AnchoredExpr' ? 'anchored' : 'smoothed', span);
    }
    const modifier = node.name === 'OffsetExpr' ? 'offset' : '@';
    const target = inner.kind === 'matrix' ? inner.selector : inner;
    if (target.kind !== 'selector' && target.kind !== 'subquery') {
      const message = `${modifier} modifier must be preceded by an instant vector selector or range vector selector or a subquery`;
      throw parseError(this.source, inner.from, message);
    }
    if (modifier === 'offset' ? target.offset : target.at !== undefined) {
      const shown = modifier === 'offset' ? modifier : '@ <timestamp>';
      throw parseError(this.source, inner.from, `${shown} may not be set multiple times`);
    }
    const added =
      modifier === 'offset'
        ? { offset: duration(parts.at(-1) ?? node, this.source) }
        : { at: this.#at(parts.at(-1) ?? node) };
    if (inner.kind === 'matrix') return { ...inner, ...span, selector: { ...inner.selector, ...added } };
    return { ...target, ...span, ...added };
  }

  /** Above 0, as far as that can be seen before the query's step is known. */
  #range(node: SyntaxNode): Duration {
    const value = literalNumber(this.#text(node).replace(/^[-+]\s*/, ''));
    if (value === 0 || (value !== undefined && this.#text(node).startsWith('-'))) {
      throw parseError(this.source, node.from, 'duration must be greater than 0');
    }
    return duration(node, this.source);
  }

  #extended(inner: Expr, extension: Extension, span: { from: number; to: number }): Expr {
    const selector = inner.kind === 'matrix' ? inner.selector : inner;
    if (selector.kind !== 'selector') {
      const why = inner.kind === 'subquery' ? 'is not supported for subqueries' : 'not implemented';
      throw parseError(this.source, inner.from, `${extension} modifier ${why}`);
    }
    if (selector.extension && selector.extension !== extension) {
      throw parseError(this.source, inner.from, 'anchored and smoothed modifiers cannot be used together');
    }
    const extended = { ...selector, extension };
    return inner.kind === 'matrix' ? { ...inner, ...span, selector: extended } : { ...extended, ...span };
  }

  #at(node: SyntaxNode): At {
    const text = this.#text(node).toLowerCase();
    if (node.name === 'AtModifierPreprocessors') return text.startsWith('start') ? 'start' : 'end';
    // The brackets of `start()` are nodes without a name, so the preprocessor may come as its inner keyword.
    if (node.name === 'AtStart') return 'start';
    if (node.name === 'AtEnd') return 'end';
    const seconds = literalNumber(text);
    if (seconds === undefined || !Number.isFinite(seconds) || Math.abs(seconds) > 9e12) {
      throw parseError(this.source, node.from, `timestamp out of bounds for @ modifier: ${text}`);
    }
    return Math.round(seconds * 1000);
  }

  #operand(node: SyntaxNode, parts: readonly SyntaxNode[]): Expr {
    const span = { from: node.from, to: node.to };
    switch (node.name) {
      case 'ParenExpr':
        return { kind: 'paren', expr: this.expr(parts[0] ?? node), ...span };
      case 'StringLiteral':
        return { kind: 'string', value: this.#string(node), ...span };
      case 'VectorSelector':
        return { kind: 'selector', name: this.#name(parts), matchers: this.#matchers(parts), ...span };
      case 'FunctionCall': {
        const args = parts[1] ? childNodes(parts[1]).map((arg) => this.expr(arg)) : [];
        const { from, to } = parts[0] ?? node;
        return { kind: 'call', name: this.written.slice(from, to), args, ...span };
      }
      case 'AggregateExpr':
        return this.#aggregation(node, parts);
      default:
        throw parseError(this.source, node.from, `unexpected ${JSON.stringify(this.#text(node))}`);
    }
  }

  #aggregation(node: SyntaxNode, parts: readonly SyntaxNode[]): Expr {
    const op = this.#text(parts[0] ?? node).toLowerCase();
    const body = parts.find((part) => part.name === 'FunctionCallBody');
    const args = body ? childNodes(body).map((arg) => this.expr(arg)) : [];
    const wanted = ['topk', 'bottomk', 'limitk', 'limit_ratio', 'quantile', 'count_values'].includes(op)
      ? 2
      : 1;
    const expr = args.at(-1);
    if (args.length === 0) {
      throw parseError(this.source, node.from, 'no arguments for aggregate expression provided');
    }
    if (args.length !== wanted || !expr) {
      const message = `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`;
      throw parseError(this.source, node.from, message);
    }
    const param = wanted === 2 && args[0] ? { param: args[0] } : {};
    const modifier = parts.find((part) => part.name === 'AggregateModifier');
    const grouping = modifier ? { grouping: this.#grouping(modifier) } : {};
    return { kind: 'aggregation', op, expr, ...param, ...grouping, from: node.from, to: node.to };
  }

  #grouping(node: SyntaxNode): Grouping {
    const [keyword, list] = childNodes(node);
    return { without: keyword?.name === 'Without', labels: list ? this.#labels(list) : [] };
  }

  #labels(node: SyntaxNode): string[] {
    return childNodes(node).map((child) =>
      child.name === 'QuotedLabelName' ? this.#string(child) : this.#text(child),
    );
  }

  #string(node: SyntaxNode): string {
    try {
      return unquote(this.#text(node), `"'\``);
    } catch (error) {
      throw parseError(this.source, node.from, error instanceof Error ? error.message : 'bad string');
    }
  }

  #name(parts: readonly SyntaxNode[]): string {
    const identifier = parts.find((part) => part.name === 'Identifier');
    return identifier ? this.#text(identifier) : '';
  }

  #matchers(parts: readonly SyntaxNode[]): Matcher[] {
    const out: Matcher[] = [];
    const start = parts[0]?.from ?? 0;
    for (const part of parts) {
      if (part.name === 'Identifier') out.push({ name: metricName, op: '=', value: this.#text(part) });
      else if (part.name === 'LabelMatchers') {
        const outer = out.length > 0;
        for (const matcher of childNodes(part)) {
          if (matcher.name === 'QuotedLabelName') {
            const own = this.#string(matcher);
            if (outer) throw this.#namedTwice(start, out[0]?.value ?? '', own);
            out.push({ name: metricName, op: '=', value: own });
            continue;
          }
          const [name, op, value] = childNodes(matcher);
          if (!name || !op || !value) throw parseError(this.source, matcher.from, 'bad label matcher');
          const label = name.name === 'QuotedLabelName' ? this.#string(name) : this.#text(name);
          if (label === metricName && outer) {
            throw this.#namedTwice(start, out[0]?.value ?? '', this.#string(value));
          }
          out.push({ name: label, op: this.#text(op) as MatchOp, value: this.#string(value) });
        }
      }
    }
    return out;
  }

  #namedTwice(at: number, first: string, second: string): QueryError {
    const names = `${JSON.stringify(first)} or ${JSON.stringify(second)}`;
    return parseError(this.source, at, `metric name must not be set twice: ${names}`);
  }
}

/** Of what is inside square brackets, where they begin. */
function bracketBefore(source: string, node: SyntaxNode): number {
  return Math.max(0, source.lastIndexOf('[', node.from));
}
