import type { SyntaxNode } from '@lezer/common';
import { parser as logqlParser } from '@grafana/lezer-logql';
import { QueryError } from '../../../lake/query-error.js';
import { parseTree as parseGrammar, withPlainNames } from '../../text/lezer.js';
import { refusal } from './refusal/index.js';
import { plainSyntax, type PlainQuery } from './plain.js';
import { positionOf } from '../../text/positions.js';
import { checkShape, type ShapeLimits } from '../../text/shape.js';

const parser = withPlainNames(logqlParser);
const shape: ShapeLimits = {
  // As Loki.
  maxLength: 131_072,
  maxDepth: 200,
  maxItems: 500,
};
/** Deepest nesting of the tree that is worked on, so that recursion is bounded. */
const maxDepth = 2100;

/** One node of lezer's tree with its text at hand. */
export class Node {
  constructor(
    private readonly node: SyntaxNode,
    private readonly source: PlainQuery,
  ) {}

  get name(): string {
    return this.node.name;
  }

  get from(): number {
    return this.node.from;
  }

  get text(): string {
    return this.source.text.slice(this.node.from, this.node.to);
  }

  /** Its name is written with `approx_` in front. */
  get approximate(): boolean {
    return this.source.approximate.has(this.node.from);
  }

  /** It is written as `ip("…")`. */
  get isAddress(): boolean {
    return this.source.addresses.has(this.node.from);
  }

  /** The offset that is written behind this range. */
  get offset(): string | undefined {
    return this.source.offsets.get(this.node.to);
  }

  /** The child of one of these names. Throws QueryError. */
  need(...names: string[]): Node {
    const found = this.child(...names);
    if (found) return found;
    throw new QueryError('bad_data', `parse error: incomplete expression ${this.text.slice(0, 40)}`);
  }

  children(): Node[] {
    const out: Node[] = [];
    for (let child = this.node.firstChild; child; child = child.nextSibling) {
      out.push(new Node(child, this.source));
    }
    return out;
  }

  child(...names: string[]): Node | undefined {
    return this.children().find((child) => names.includes(child.name));
  }

  all(name: string): Node[] {
    return this.children().filter((child) => child.name === name);
  }

  /** The items of a list that the grammar nests to the left: `L(L(L(a) b) c)` gives a, b, c. */
  flatten(): Node[] {
    const out: Node[] = [];
    let children = this.children();
    for (;;) {
      const nested = children.findIndex((child) => child.name === this.name);
      out.push(...children.slice(nested + 1).reverse());
      const inner = children[nested];
      if (!inner) return out.reverse();
      children = inner.children();
    }
  }
}

/** A selector needs a matcher that an absent label does not fulfil. */
export function noMatcher(): QueryError {
  return new QueryError(
    'bad_data',
    'parse error : queries require at least one regexp or equality matcher that does not have an empty-compatible value. ' +
      'For instance, app=~".*" does not meet this requirement, but app=~".+" will',
  );
}

/** Parses, or throws `bad_data` with the line and column of the first token that does not fit. */
export function parseTree(query: string): Node {
  if (query.length >= shape.maxLength) {
    throw new QueryError(
      'bad_data',
      `parse error : input size too long (${query.length} > ${shape.maxLength})`,
    );
  }
  checkShape(query, shape);
  const refused = refusal(query);
  if (refused) throw refused;
  const plain = plainSyntax(query);
  // As Loki with its defaults: they are an experiment there.
  if (/^\s*variants\s*\(/i.test(plain.text)) {
    throw new QueryError('bad_data', 'multi variant queries are disabled for this instance');
  }
  const tree = parseGrammar(parser, plain.text);
  let depth = 0;
  tree.iterate({
    enter(node) {
      if (node.type.isError) throw unread(query, plain.writtenAt(node.from));
      if (++depth > maxDepth)
        throw new QueryError('bad_data', `the query is nested or chained deeper than ${maxDepth / 3} levels`);
    },
    leave() {
      depth--;
    },
  });
  return new Node(tree.topNode, plain);
}

/** What Loki reads and the grammar at hand does not. */
function unread(query: string, from: number): QueryError {
  if (/^\s*\}/.test(query.slice(from)) && /\{\s*$/.test(query.slice(0, from))) return noMatcher();
  const { line, column } = positionOf(query, from);
  const near = JSON.stringify(query.slice(from, from + 20));
  return new QueryError(
    'bad_data',
    `parse error at line ${line}, col ${column}: can't be read here: ${near}`,
  );
}
