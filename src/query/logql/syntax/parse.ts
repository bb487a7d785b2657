import { QueryError } from '../../../lake/query-error.js';
import type {
  BinaryOp,
  CompareOp,
  Expr,
  Extraction,
  LabelFilter,
  LineFilter,
  LineFilterOp,
  LogExpr,
  MetricExpr,
  RangeOp,
  Stage,
  Unwrap,
  VectorOp,
} from './ast.js';
import type { Grouping } from '../../series/aggregate.js';
import type { Matcher, MatchOp } from '../../series/matchers.js';
import { precedence, type Matching } from '../../series/operators.js';
import { climb, type Operator } from './precedence.js';
import { unquote } from './text.js';
import { parseTree, type Node } from './tree.js';
import { parseBytes, parseDuration } from './units.js';
import { checkBinary, checkLabelReplace, checkLog, checkRange, checkVector } from './check.js';

/** Parses LogQL text. Throws QueryError `bad_data` with a position, or `unsupported` naming the construct. */
export function parse(query: string): Expr {
  const unsupported = /^\s*(variants|approx_topk)\s*\(/.exec(query);
  if (unsupported) throw new QueryError('unsupported', `${unsupported[1] ?? ''} is not supported`);
  return expr(need(parseTree(query), 'Expr'));
}

/** Parses text that must be a log query, such as the `query` of the series and label endpoints. */
export function parseLog(query: string): LogExpr {
  const parsed = parse(query);
  if (parsed.kind !== 'log') throw new QueryError('bad_data', 'a log query (stream selector) is required');
  return parsed;
}

function need(node: Node, ...names: string[]): Node {
  const child = node.child(...names);
  if (!child)
    throw new QueryError('bad_data', `parse error: incomplete expression ${node.text.slice(0, 40)}`);
  return child;
}

function expr(node: Node): Expr {
  const child = need(node, 'LogExpr', 'MetricExpr');
  return child.name === 'LogExpr' ? log(child) : metric(child);
}

function log(node: Node): LogExpr {
  const inner = node.child('LogExpr');
  if (inner) return log(inner);
  return checkLog({
    kind: 'log',
    matchers: need(node, 'Selector').child('Matchers')?.flatten().map(matcher) ?? [],
    stages: stages(node),
  });
}

function stages(node: Node): Stage[] {
  return node.all('PipelineExpr').flatMap((pipeline) => pipeline.flatten().flatMap(stage));
}

function matcher(node: Node): Matcher {
  const [name, op, value] = node.children();
  return { name: name?.text ?? '', op: (op?.text ?? '') as MatchOp, value: unquote(value?.text ?? '') };
}

function stage(node: Node): Stage[] {
  const body = node.children().find((child) => child.name !== 'Pipe');
  if (!body) return [];
  const text = (name = 'String') => unquote(need(body, name).text);
  switch (body.name) {
    case 'LineFilters':
      return body.flatten().map(lineFilter);
    case 'LabelFilter':
      return [{ kind: 'label', filter: labelFilter(body) }];
    case 'JsonExpressionParser':
      return [{ kind: 'json', fields: extractions(body) }];
    case 'LogfmtParser':
    case 'LogfmtExpressionParser': {
      const flags =
        body
          .child('LogfmtParserFlags')
          ?.flatten()
          .map((flag) => flag.text) ?? [];
      return [
        {
          kind: 'logfmt',
          strict: flags.includes('--strict'),
          keepEmpty: flags.includes('--keep-empty'),
          fields: extractions(body),
        },
      ];
    }
    case 'LabelParser': {
      const kind = body.children()[0]?.text;
      if (kind === 'regexp' || kind === 'pattern') return [{ kind, pattern: text() }];
      if (kind === 'unpack') return [{ kind }];
      return kind === 'logfmt'
        ? [{ kind, strict: false, keepEmpty: false, fields: [] }]
        : [{ kind: 'json', fields: [] }];
    }
    case 'DecolorizeExpr':
      return [{ kind: 'decolorize' }];
    case 'LineFormatExpr':
      return [{ kind: 'line_format', template: text() }];
    case 'LabelFormatExpr':
      return [{ kind: 'label_format', assignments: need(body, 'LabelsFormat').flatten().map(assignment) }];
    case 'DropLabelsExpr':
    case 'KeepLabelsExpr': {
      const items = need(body, 'DropLabels', 'KeepLabels').flatten().map(labelItem);
      return [{ kind: body.name === 'DropLabelsExpr' ? 'drop' : 'keep', items }];
    }
    default:
      throw new QueryError('unsupported', `the stage ${body.text.slice(0, 40)} is not supported`);
  }
}

function lineFilter(node: Node): LineFilter {
  const any: { value: string; ip: boolean }[] = [];
  const collect = (part: Node) => {
    for (const child of part.children()) {
      if (child.name === 'String') any.push({ value: unquote(child.text), ip: !!part.child('FilterOp') });
      else if (child.name === 'OrFilter') collect(child);
    }
  };
  collect(node);
  return { kind: 'line', op: need(node, 'Filter').text as LineFilterOp, any };
}

function extractions(node: Node): Extraction[] {
  return (node.child('LabelExtractionExpressionList')?.flatten() ?? []).map((item) => {
    const name = need(item, 'Identifier').text;
    const path = item.child('String');
    return { name, path: path ? unquote(path.text) : name };
  });
}

function assignment(node: Node): { name: string; from: string } | { name: string; template: string } {
  const [name, , value] = node.children();
  const target = name?.text ?? '';
  return value?.name === 'String'
    ? { name: target, template: unquote(value.text) }
    : { name: target, from: value?.text ?? '' };
}

function labelItem(node: Node): { name: string; matcher?: Matcher } {
  const found = node.child('Matcher');
  if (!found) return { name: need(node, 'Identifier').text };
  const parsed = matcher(found);
  return { name: parsed.name, matcher: parsed };
}

/** The grammar nests and/or/comma by position; precedence is settled here. A comma is an `and` that binds last. */
function labelFilter(node: Node): LabelFilter {
  const operands: LabelFilter[] = [];
  const operators: Operator<'and' | 'or'>[] = [];
  const collect = (part: Node) => {
    const children = part.children();
    const nested = children.filter((child) => child.name === 'LabelFilter');
    if (nested.length === 0) operands.push(simpleFilter(children[0] as Node));
    else if (nested.length === 1) operands.push(labelFilter(nested[0] as Node));
    else {
      collect(nested[0] as Node);
      const op = part.child('Or') ? 'or' : 'and';
      const precedence = op === 'or' ? 2 : part.child('And') ? 3 : 1;
      operators.push({ op, precedence, right: false });
      collect(nested[1] as Node);
    }
  };
  collect(node);
  return climb(operands, operators, (kind, left, right): LabelFilter => ({ kind, left, right }));
}

function simpleFilter(node: Node): LabelFilter {
  if (node.name === 'Matcher') return { kind: 'match', matcher: matcher(node) };
  if (node.name === 'UnitFilter') return simpleFilter(node.children()[0] as Node);
  const [name, op, ...rest] = node.children();
  const label = name?.text ?? '';
  if (node.name === 'IpLabelFilter') {
    const value = unquote(need(node, 'String').text);
    return { kind: 'ip', name: label, op: op?.text === '!=' ? '!=' : '=', value };
  }
  const compare = (op?.text === '=' ? '==' : op?.text) as CompareOp;
  const text = rest.map((part) => part.text).join('');
  if (node.name === 'DurationFilter') {
    return { kind: 'duration', name: label, op: compare, value: duration(text) };
  }
  if (node.name === 'BytesFilter') {
    const value = parseBytes(text);
    if (value === undefined) throw new QueryError('bad_data', `parse error: ${text} is not a size`);
    return { kind: 'bytes', name: label, op: compare, value };
  }
  return { kind: 'number', name: label, op: compare, value: number(text) };
}

function duration(text: string): number {
  const value = parseDuration(text);
  if (value === undefined) throw new QueryError('bad_data', `parse error: ${text} is not a duration`);
  return value;
}

function number(text: string): number {
  const value = Number(text.replaceAll(/\s/g, ''));
  if (Number.isNaN(value)) throw new QueryError('bad_data', `parse error: ${text} is not a number`);
  return value;
}

function metric(node: Node): MetricExpr {
  const child = need(
    node,
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
      return { kind: 'literal', value: number(child.text) };
    case 'VectorExpr':
      return { kind: 'constant', value: number(need(child, 'Number').text) };
    default: {
      const [destination = '', replacement = '', source = '', pattern = ''] = child
        .all('String')
        .map((text) => unquote(text.text));
      const inner = metric(need(child, 'MetricExpr'));
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
  return found ? number(found.text) : undefined;
}

function range(node: Node): MetricExpr {
  const body = need(node, 'LogRangeExpr');
  return checkRange(
    { ...rangeSource(body), op: need(node, 'RangeOp').text as RangeOp },
    parameter(node),
    grouping(node),
  );
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
    log: checkLog({
      kind: 'log',
      matchers: selector.child('Matchers')?.flatten().map(matcher) ?? [],
      stages: pipelines.flatMap((pipeline) => pipeline.flatten().flatMap(stage)),
    }),
    range: duration(need(rangeNode, 'Duration').text),
    offset: rangeNode.offset === undefined ? 0 : duration(rangeNode.offset),
    ...(unwrap && { unwrap }),
  };
}

function parseUnwrap(node: Node): Unwrap {
  const parts = node.flatten();
  const name = parts.find((part) => part.name === 'Identifier')?.text ?? '';
  const conversion = parts.find((part) => part.name === 'ConvOp')?.text;
  return {
    name,
    filters: parts.filter((part) => part.name === 'LabelFilter').map(labelFilter),
    ...(conversion && {
      conversion: conversion.startsWith('bytes') ? ('bytes' as const) : ('duration' as const),
    }),
  };
}

function vector(node: Node): MetricExpr {
  const op = need(node, 'VectorOp').text as VectorOp;
  return checkVector(op, metric(need(node, 'MetricExpr')), parameter(node), grouping(node));
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
  const operand = (part: Node) => {
    const direct = part.child('MetricExpr')?.child('BinOpExpr');
    if (direct) collect(direct);
    else {
      const parsed = expr(part);
      if (parsed.kind === 'log') {
        throw new QueryError('bad_data', 'parse error: a log query can not be an operand');
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
    operand(left);
    operators.push({
      op: { op: op as BinaryOp, ...modifier(part.child('BinOpModifier')) },
      precedence: rank,
      right: op === '^',
    });
    operand(right);
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
