import { goQuote } from '../../text/go-quote.js';
import { unquote } from '../grammar/unquote.js';
import { literalNumber } from './numbers.js';
import { split, type Placed } from './split.js';
import { TemplateError, type Value } from './value.js';

export type { Placed } from './split.js';

/** An operand of a command. `path` is `.a.b` on what stands before it. */
export type Operand = Placed &
  (
    | { readonly kind: 'literal'; readonly value: Value }
    | { readonly kind: 'dot'; readonly path: readonly string[] }
    | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
    | { readonly kind: 'function'; readonly name: string }
    | { readonly kind: 'pipeline'; readonly pipeline: Pipeline; readonly path: readonly string[] }
  );

/** A function or operand with its arguments. */
export interface Command extends Placed {
  readonly operands: readonly Operand[];
}

export interface Pipeline extends Placed {
  readonly declare: readonly string[];
  readonly assign: boolean;
  readonly commands: readonly Command[];
}

export type TemplateNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if' | 'with' | 'range';
      readonly pipeline: Pipeline;
      readonly then: readonly TemplateNode[];
      readonly otherwise: readonly TemplateNode[];
    }
  | (Placed & { readonly kind: 'template'; readonly name: string; readonly pipeline: Pipeline | undefined })
  | { readonly kind: 'break' | 'continue' };

export interface Template {
  readonly nodes: readonly TemplateNode[];
  /** The templates that it defines, by their names. */
  readonly defined: ReadonlyMap<string, readonly TemplateNode[]>;
}

const maxDepth = 64;

const tokenPattern =
  /\s+|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\]|\\.)+'|\.[A-Za-z_]\w*|\$\w*|[A-Za-z_]\w*|[+-]?(?:0[xX][\da-fA-F_.]*(?:[pP][+-]?\d*)?|0[oObB][\d_]*|\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?|\.\d[\d_]*(?:[eE][+-]?\d+)?)\w*|:=|[().|=,]/y;

interface Token extends Placed {
  /** It follows white space: `f .x` and `f.x` differ. */
  readonly spaced: boolean;
}

/** The tokens of one action that begins at `start`. */
function tokens(source: string, start: number): Token[] {
  const out: Token[] = [];
  let spaced = true;
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < source.length) {
    const at = tokenPattern.lastIndex;
    const match = tokenPattern.exec(source);
    if (!match) throw new TemplateError(unread(source.slice(at, at + 10)));
    if (match[0].trim() === '') spaced = true;
    else {
      out.push({ text: match[0], spaced, at: start + at });
      spaced = false;
    }
  }
  return out;
}

function unread(rest: string): string {
  if (rest.startsWith('"')) return 'unterminated quoted string';
  if (rest.startsWith('`')) return 'unterminated raw quoted string';
  return rest.startsWith("'") ? 'unterminated character constant' : `unexpected ${rest}`;
}

class ActionParser {
  #at = 0;
  readonly #tokens: readonly Token[];

  constructor(
    source: string,
    start: number,
    private readonly functions: ReadonlySet<string>,
    /** Declared so far; what the action declares is added. */
    private readonly variables: string[],
  ) {
    this.#tokens = tokens(source, start);
  }

  /** Of the next token, or the last one. */
  get at(): number {
    return (this.#tokens[this.#at] ?? this.#tokens.at(-1))?.at ?? 0;
  }

  peek(): string | undefined {
    return this.#tokens[this.#at]?.text;
  }

  next(): string | undefined {
    return this.#tokens[this.#at++]?.text;
  }

  /** The quoted name that a clause begins with. */
  name(keyword: string): string {
    const token = this.next() ?? '';
    if (!/^["`]/.test(token)) throw new TemplateError(`unexpected ${token || 'end'} in ${keyword} clause`);
    return unquote(token);
  }

  get done(): boolean {
    return this.#at >= this.#tokens.length;
  }

  pipeline(depth = 0, ranges = false): Pipeline {
    if (depth > maxDepth) throw new TemplateError('parentheses are nested too deeply');
    const { at } = this;
    const declare: string[] = [];
    let assign = false;
    const [first, second, third, fourth] = this.#tokens
      .slice(this.#at, this.#at + 4)
      .map((token) => token.text);
    if (first?.startsWith('$') && (second === ':=' || second === '=')) {
      declare.push(first);
      assign = second === '=';
      this.#at += 2;
    } else if (
      first?.startsWith('$') &&
      second === ',' &&
      third?.startsWith('$') &&
      (fourth === ':=' || fourth === '=')
    ) {
      if (!ranges) throw new TemplateError('too many declarations in command');
      declare.push(first, third);
      assign = fourth === '=';
      this.#at += 4;
    }
    this.variables.push(...declare);
    const commands: Command[] = [];
    do commands.push(this.#command(depth));
    while (this.peek() === '|' && this.next());
    const texts = commands.map(({ text }) => text).join(' | ');
    const text = declare.length > 0 ? `${declare.join(', ')} ${assign ? '=' : ':='} ${texts}` : texts;
    return { declare, assign, commands, at, text };
  }

  #command(depth: number): Command {
    const { at } = this;
    const operands: Operand[] = [];
    for (
      let token = this.peek();
      token !== undefined && token !== '|' && token !== ')';
      token = this.peek()
    ) {
      operands.push(this.#operand(depth));
    }
    if (operands.length === 0) throw new TemplateError('missing value for command');
    const texts = operands.map((one) =>
      one.kind === 'pipeline' && !one.path.length ? `(${one.text})` : one.text,
    );
    return { operands, at, text: texts.join(' ') };
  }

  #path(): string[] {
    const path: string[] = [];
    for (let token = this.#tokens[this.#at]; token && !token.spaced && /^\.\w/.test(token.text);) {
      path.push(token.text.slice(1));
      token = this.#tokens[++this.#at];
    }
    return path;
  }

  /** What stands behind an operand, which is then where its path begins. */
  #chained(before: Placed): Placed & { readonly path: readonly string[] } {
    const { at } = this;
    const path = this.#path();
    if (path.length === 0) return { ...before, path };
    return { at, text: [before.text, ...path].join('.'), path };
  }

  #operand(depth: number): Operand {
    const { at } = this;
    const token = this.next() ?? '';
    const placed: Placed = { at, text: token };
    if (token === '(') {
      const pipeline = this.pipeline(depth + 1);
      if (this.next() !== ')') throw new TemplateError('unclosed left paren');
      const chained = this.#chained({ at, text: `(${pipeline.text})` });
      const { at: begin, text } = chained.path.length > 0 ? chained : pipeline;
      return { kind: 'pipeline', pipeline, path: chained.path, at: begin, text };
    }
    if (token === '.') return { kind: 'dot', path: [], ...placed };
    if (/^\.[A-Za-z_]/.test(token)) {
      const chained = this.#chained(placed);
      return { kind: 'dot', ...chained, path: [token.slice(1), ...chained.path] };
    }
    if (token.startsWith('$') && !this.variables.includes(token)) {
      throw new TemplateError(`undefined variable ${goQuote(token)}`);
    }
    if (token.startsWith('$')) return { kind: 'variable', name: token, ...this.#chained(placed) };
    const literal = this.#literal(token);
    if (literal !== undefined) return { kind: 'literal', value: literal, ...placed };
    if (!/^[A-Za-z_]/.test(token)) throw new TemplateError(`unexpected ${token || 'end'}`);
    if (!this.functions.has(token)) throw new TemplateError(`function "${token}" not defined`);
    return { kind: 'function', name: token, ...placed };
  }

  #literal(token: string): Value {
    if (token.startsWith('"') || token.startsWith('`')) return unquote(token);
    if (token.startsWith("'")) {
      const text = unquote(`"${token.slice(1, -1).replaceAll('"', '\\"')}"`);
      return BigInt(text.codePointAt(0) ?? 0);
    }
    if (token === 'true' || token === 'false') return token === 'true';
    if (token === 'nil') return null;
    if (!/^[+-]?[.\d]/.test(token)) return undefined;
    return literalNumber(token);
  }
}

interface Block {
  readonly kind: 'if' | 'with' | 'range' | 'define' | 'block';
  readonly then: TemplateNode[];
  readonly otherwise: TemplateNode[];
  inElse: boolean;
  /** An `else if` opens a block that the same `end` closes. */
  readonly chained: boolean;
  /** Of a template that it defines. */
  readonly name?: string;
  /** What is declared outside of it. */
  readonly variables: readonly string[];
}

/** Whether a `break` here leaves a loop: what a loop does when it has no turn, and a template within it, are not in it. */
function inRange(open: readonly Block[]): boolean {
  const block = open.findLast(
    ({ kind, inElse }) => kind === 'define' || kind === 'block' || (kind === 'range' && !inElse),
  );
  return block?.kind === 'range';
}

/** As Go has it: nothing but white space. */
function isEmpty(nodes: readonly TemplateNode[]): boolean {
  return nodes.every((node) => node.kind === 'text' && node.text.trim() === '');
}

/** Parses Go template text. Throws TemplateError. */
export function parseTemplate(source: string, functions: ReadonlySet<string>): Template {
  const root: TemplateNode[] = [];
  const defined = new Map<string, TemplateNode[]>();
  const open: Block[] = [];
  const target = () => {
    const block = open.at(-1);
    return block ? (block.inElse ? block.otherwise : block.then) : root;
  };
  let variables = ['$'];
  let outside: readonly string[] = variables;
  const enter = (
    kind: Block['kind'],
    then: TemplateNode[],
    otherwise: TemplateNode[],
    chained = false,
    name?: string,
  ) => {
    if (open.length >= maxDepth) throw new TemplateError('blocks are nested too deeply');
    open.push({
      kind,
      then,
      otherwise,
      inElse: false,
      chained,
      variables: outside,
      ...(name !== undefined && { name }),
    });
  };
  const start = (kind: 'if' | 'with' | 'range', pipeline: Pipeline, chained: boolean) => {
    const block = { kind, pipeline, then: [], otherwise: [] };
    target().push(block);
    enter(kind, block.then, block.otherwise, chained);
  };
  const define = (kind: 'define' | 'block', name: string) => {
    const nodes: TemplateNode[] = [];
    enter(kind, nodes, [], false, name);
    variables = ['$'];
  };
  // Of two definitions one may be empty, which then does not count.
  const keep = (name: string, nodes: TemplateNode[]) => {
    const before = defined.get(name);
    if (before && !isEmpty(before) && !isEmpty(nodes)) {
      throw new TemplateError(`template: multiple definition of template ${goQuote(name)}`);
    }
    if (!before || isEmpty(before)) defined.set(name, nodes);
  };
  for (const part of split(source)) {
    if (part.kind === 'text') {
      if (part.text !== '') target().push(part);
      continue;
    }
    outside = [...variables];
    const action = new ActionParser(part.text, part.at, functions, variables);
    const keyword = action.peek();
    if (keyword === undefined) throw new TemplateError('missing value for command');
    if (keyword === 'if' || keyword === 'with' || keyword === 'range') {
      action.next();
      start(keyword, action.pipeline(0, keyword === 'range'), false);
    } else if (keyword === 'else') {
      action.next();
      const block = open.at(-1);
      const none = !block || block.inElse || block.kind === 'define' || block.kind === 'block';
      if (none) throw new TemplateError('unexpected {{else}}');
      block.inElse = true;
      const again = action.peek();
      if (again === 'if' || again === 'with') {
        action.next();
        start(again, action.pipeline(), true);
      }
    } else if (keyword === 'end') {
      action.next();
      if (open.length === 0) throw new TemplateError('unexpected {{end}}');
      let block = open.pop();
      while (block?.chained) block = open.pop();
      if (block?.name !== undefined) keep(block.name, block.then);
      variables = [...(block?.variables ?? [])];
    } else if (keyword === 'break' || keyword === 'continue') {
      action.next();
      if (!inRange(open)) throw new TemplateError(`{{${keyword}}} outside {{range}}`);
      target().push({ kind: keyword });
    } else if (keyword === 'define') {
      action.next();
      if (open.length > 0) throw new TemplateError('unexpected <define> in command');
      define('define', action.name(keyword));
    } else if (keyword === 'template' || keyword === 'block') {
      action.next();
      const { at } = action;
      const name = action.name(keyword);
      const pipeline = action.done ? undefined : action.pipeline();
      if (keyword === 'block' && !pipeline) throw new TemplateError('missing value for block clause');
      const text = `{{template ${goQuote(name)}${pipeline ? ` ${pipeline.text}` : ''}}}`;
      target().push({ kind: 'template', name, pipeline, at, text });
      if (keyword === 'block') define('block', name);
    } else {
      target().push({ kind: 'print', pipeline: action.pipeline() });
    }
    if (!action.done) throw new TemplateError(`unexpected ${action.peek() ?? ''}`);
  }
  if (open.length > 0) throw new TemplateError('unexpected EOF');
  return { nodes: root, defined };
}
