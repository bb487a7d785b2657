import { QueryError } from '../../../lake/query-error.js';
import type { Grouping } from '../../series/aggregate.js';
import type { Matcher } from '../../series/matchers.js';
import { precedence, type Matching } from '../../series/operators.js';
import { boundedLiteral, durationLiteral, numberLiteral } from '../grammar/literals.js';
import { parseMatcher } from '../grammar/matcher.js';
import { climb, type Operator } from '../grammar/precedence.js';
import { parseTree, type Node } from '../grammar/tree.js';
import { unquote } from '../grammar/unquote.js';
import { parseStage, type Stage } from '../stages/index.js';
import { parseUnwrap } from '../stages/unwrap.js';
import type { BinaryOp, Expr, LogExpr, MetricExpr, VectorOp } from './ast.js';
import { checkBinary, checkLabelReplace, checkRange, checkVector } from './check.js';

/** Parses LogQL text. Throws QueryError `bad_data` with a position, or `unsupported` naming the construct. */
export function parse(query: string): Expr {
  return expr(parseTree(query).need('Expr'));
}

/** Parses text that must be a log query, such as the `query` of the series and label endpoints. */
export function parseLog(query: string): LogExpr {
  const parsed = parse(query);
  if (parsed.kind !== 'log') throw new QueryError('bad_data', 'a log query (stream selector) is required');
  return parsed;
}

function expr(node: Node): Expr {
  const child = node.need('LogExpr', 'MetricExpr');
  return child.name === 'LogExpr' ? log(child) : metric(child);
}

function log(node: Node): LogExpr {
  const inner = node.child('LogExpr');
  if (inner) return log(inner);
  return {
    kind: 'log',
    matchers: matchers(node.need('Selector')),
    stages: stages(node.all('PipelineExpr')),
  };
}

function matchers(selector: Node): Matcher[] {
  return selector.child('Matchers')?.flatten().map(parseMatcher) ?? [];
}

/** The stages of pipelines; line filters one after the other are one node. */
function stages(pipelines: readonly Node[]): Stage[] {
  return pipelines
    .flatMap((pipeline) => pipeline.flatten())
    .flatMap((node) => node.children().find(({ name }) => name !== 'Pipe') ?? [])
    .flatMap((body) => (body.name === 'LineFilters' ? body.flatten() : [body]))
    .map(parseStage);
}

function metric(node: Node): MetricExpr {
  const child = node.need(
    'RangeAggregationExpr',
    'VectorAggregationExpr',
    'BinOpExpr',
    'LiteralExpr',
    'LabelReplaceExpr',
    'VectorExpr',
    'MetricExpr',
  );
  switch (child.name) {
    case 'MetricExpr':
      return metric(child);
    case 'RangeAggregationExpr':
      return range(child);
    case 'VectorAggregationExpr':
      return vector(child);
    case 'BinOpExpr':
      return binary(child);
    case 'LiteralExpr':
      return { kind: 'literal', value: boundedLiteral(child.text, 'literal') };
    case 'VectorExpr':
      return { kind: 'constant', value: boundedLiteral(child.need('Number').text, 'vectorExpr') };
    default: {
      const [destination = '', replacement = '', source = '', pattern = ''] = child
        .all('String')
        .map((text) => unquote(text.text));
      const inner = metric(child.need('MetricExpr'));
      return checkLabelReplace({
        kind: 'label_replace',
        expr: inner,
        destination,
        replacement,
        source,
        pattern,
      });
    }
  }
}

function grouping(node: Node): Grouping | undefined {
  const found = node.child('Grouping');
  if (!found) return undefined;
  const labels =
    found
      .child('Labels')
      ?.flatten()
      .map((label) => label.text) ?? [];
  return { without: !!found.child('Without'), labels };
}

function parameter(node: Node): number | undefined {
  const found = node.child('Number');
  return found ? numberLiteral(found.text) : undefined;
}

function range(node: Node): MetricExpr {
  const body = node.need('LogRangeExpr');
  return checkRange({ ...rangeSource(body), op: node.need('RangeOp').text }, parameter(node), grouping(node));
}

function rangeSource(node: Node) {
  let body = node;
  const parts: Node[] = [];
  // Parentheses around the selector and its pipeline nest another LogRangeExpr or LogExpr.
  for (;;) {
    parts.push(...body.children());
    const inner: Node | undefined = body.child('LogRangeExpr', 'LogExpr');
    if (!inner) break;
    body = inner;
  }
  const find = (name: string) => parts.find((part) => part.name === name);
  const selector = find('Selector');
  const pipelines = parts.filter((part) => part.name === 'PipelineExpr');
  const unwrapNode = find('UnwrapExpr');
  const rangeNode = find('Range');
  if (!selector || !rangeNode)
    throw new QueryError('bad_data', `parse error: ${node.text.slice(0, 40)} has no range`);
  const unwrap = unwrapNode && parseUnwrap(unwrapNode);
  return {
    kind: 'range' as const,
    log: { kind: 'log' as const, matchers: matchers(selector), stages: stages(pipelines) },
    range: durationLiteral(rangeNode.need('Duration').text),
    offset: rangeNode.offset === undefined ? 0 : durationLiteral(rangeNode.offset),
    ...(unwrap && { unwrap }),
  };
}

function vector(node: Node): MetricExpr {
  const name = node.need('VectorOp');
  const op = (name.approximate ? 'approx_topk' : name.text) as VectorOp;
  return checkVector(op, metric(node.need('MetricExpr')), parameter(node), grouping(node));
}

interface BinaryOperator {
  readonly op: BinaryOp;
  readonly bool: boolean;
  readonly matching: Matching;
}

/** The grammar nests operators by position; precedence is settled here (`^` alone binds to the right). */
function binary(node: Node): MetricExpr {
  const operands: MetricExpr[] = [];
  const operators: Operator<BinaryOperator>[] = [];
  const operand = (part: Node, leg: 'left' | 'right', op: string) => {
    const direct = part.child('MetricExpr')?.child('BinOpExpr');
    if (direct) collect(direct);
    else {
      const parsed = expr(part);
      if (parsed.kind === 'log') {
        const type = parsed.stages.length > 0 ? 'PipelineExpr' : 'MatchersExpr';
        throw new QueryError(
          'bad_data',
          `parse error : unexpected type for ${leg} leg of binary operation (${op}): *syntax.${type}`,
        );
      }
      operands.push(parsed);
    }
  };
  const collect = (part: Node) => {
    const children = part.children();
    const [left, right] = children.filter((child) => child.name === 'Expr');
    const op = children[1]?.text.toLowerCase() ?? '';
    const rank = precedence.get(op);
    if (!left || !right || rank === undefined)
      throw new QueryError('bad_data', 'parse error: incomplete operation');
    operand(left, 'left', op);
    operators.push({
      op: { op: op as BinaryOp, ...modifier(part.child('BinOpModifier')) },
      precedence: rank,
      right: op === '^',
    });
    operand(right, 'right', op);
  };
  collect(node);
  return climb(operands, operators, (op, left, right): MetricExpr =>
    checkBinary({ kind: 'binary', ...op, left, right }),
  );
}

function modifier(node: Node | undefined): { bool: boolean; matching: Matching } {
  const groupingLabels = (part: Node | undefined) =>
    (part?.child('GroupingLabelList')?.flatten() ?? []).map((label) => label.text);
  const matching = node?.child('OnOrIgnoringModifier');
  const grouped = node?.child('GroupLeft') ? 'many-to-one' : node?.child('GroupRight') && 'one-to-many';
  return {
    bool: !!(node?.child('Bool') ?? matching?.child('Bool')),
    matching: {
      on: !!matching?.child('On'),
      labels: groupingLabels(matching?.child('GroupingLabels')),
      include: groupingLabels(node?.child('GroupingLabels')),
      cardinality: grouped ?? 'one-to-one',
    },
  };
}
