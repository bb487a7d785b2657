import { byteOrder } from '../../text/byte-order.js';
import type { RowLabels } from '../model/labels.js';
import type { Row } from '../pipeline/stage.js';
import { goQuote } from '../../text/go-quote.js';
import { literalAs, valueAs } from './arguments.js';
import { bounded, charactersOfStep, maxLength, told } from './bounds.js';
import { byteLength } from './bytes.js';
import { formatValue } from './format.js';
import { functions, type Context, type Parameter, type TemplateFunction } from './functions.js';
import type { Command, Operand, Pipeline, Placed, Template, TemplateNode } from './parse.js';
import { methodOf, type Method } from './time-methods.js';
import {
  Integer,
  isList,
  isMap,
  LabelMap,
  TemplateError,
  truth,
  typeName,
  wholeOf,
  type Value,
} from './value.js';

/** Templates that call one another. */
const maxCalls = 100;
/** Most work in one execution: an action, a loop's turn, a call and so many characters given to or made by one are a step. */
const maxSteps = 100_000;
/** Of a RangeError of the engine. */
const tooLarge = 'a value is too large or nested too deeply';
const tooMuchWork = 'the template takes too many steps';

class Leave extends Error {
  constructor(readonly kind: 'break' | 'continue') {
    super(kind);
  }
}

type BlockNode = Extract<TemplateNode, { kind: 'if' | 'with' | 'range' }>;

/** A value that comes from the command before, if there is one. */
type Piped = readonly Value[];

/**
 * A template on one row, as Go's text/template executes it (exec.go): the part that is looked at is remembered where Go does
 * it, as errors name it.
 */
export class Execution implements Context {
  #out = '';
  #steps = 0;
  #calls = 0;
  #variables: { name: string; value: Value }[] = [];
  #dot: Value | RowLabels;
  /** `$`: what the template was called with. */
  #root: Value | RowLabels;
  #part: Placed = { at: 0, text: '' };
  #name: string;
  readonly #toFault = (why: string) => this.#fault(why);

  constructor(
    readonly row: Row,
    private readonly template: Template,
    private readonly origin: { readonly name: string; readonly source: string },
  ) {
    this.#dot = this.#root = row.labels;
    this.#name = origin.name;
  }

  run(): string {
    try {
      this.#walk(this.template.nodes);
    } catch (error) {
      throw error instanceof RangeError ? this.#fault(tooLarge) : error;
    }
    return this.#out;
  }

  #fault(why: string): TemplateError {
    const { name, source } = this.origin;
    const lines = source.slice(0, this.#part.at).split('\n');
    const place = `${name}:${lines.length}:${byteLength(lines.at(-1) ?? '')}`;
    return new TemplateError(
      `template: ${place}: executing ${goQuote(this.#name)} at <${this.#part.text}>: ${told(why)}`,
    );
  }

  #template(node: Extract<TemplateNode, { kind: 'template' }>): void {
    this.#part = node;
    const nodes = this.template.defined.get(node.name);
    if (!nodes) throw this.#fault(`template ${goQuote(node.name)} not defined`);
    if (++this.#calls > maxCalls) throw this.#fault(`exceeded maximum template depth (${maxCalls})`);
    const before = [this.#dot, this.#root, this.#variables, this.#name] as const;
    this.#dot = this.#root = node.pipeline ? this.#handed(node.pipeline) : null;
    this.#variables = [];
    this.#name = node.name;
    try {
      this.#walk(nodes);
    } finally {
      [this.#dot, this.#root, this.#variables, this.#name] = before;
      this.#calls--;
    }
  }

  /** The labels themselves where it is all of them, so that one that is not there stays empty. */
  #handed(pipeline: Pipeline): Value | RowLabels {
    const [operand, ...more] = pipeline.commands[0]?.operands ?? [];
    if (pipeline.commands.length > 1 || more.length > 0 || pipeline.declare.length > 0) {
      return this.#pipeline(pipeline);
    }
    if (operand?.kind === 'dot' && operand.path.length === 0) return this.#dot;
    if (operand?.kind === 'variable' && operand.name === '$' && operand.path.length === 0) return this.#root;
    return this.#pipeline(pipeline);
  }

  #step(steps = 1): void {
    this.#steps += steps;
    if (this.#steps > maxSteps) throw this.#fault(tooMuchWork);
  }

  work(steps: number): void {
    this.#steps += steps;
    if (this.#steps > maxSteps) throw new TemplateError(tooMuchWork);
  }

  /** A value that a function takes or makes; of lists and maps the functions count what they look at. */
  #carry(value: Value): void {
    if (typeof value === 'string') this.work(bounded(value).length / charactersOfStep);
  }

  #walk(nodes: readonly TemplateNode[]): void {
    for (const node of nodes) {
      this.#step();
      switch (node.kind) {
        case 'text':
          this.#write(node.text);
          break;
        case 'print': {
          const value = this.#pipeline(node.pipeline);
          if (node.pipeline.declare.length > 0) break;
          this.#write(value === undefined ? '' : value === null ? '<no value>' : formatValue(value));
          break;
        }
        case 'template':
          this.#template(node);
          break;
        case 'break':
        case 'continue':
          throw new Leave(node.kind);
        default:
          this.#block(node);
      }
    }
  }

  #write(text: string): void {
    this.#out += text;
    if (this.#out.length > maxLength) {
      throw this.#fault(`the result is longer than ${maxLength} characters`);
    }
  }

  #block(node: BlockNode): void {
    const scope = this.#variables.length;
    const dot = this.#dot;
    if (node.kind === 'range') this.#range(node);
    else {
      const value = this.#pipeline(node.pipeline);
      if (truth(value)) {
        if (node.kind === 'with') this.#dot = value;
        this.#walk(node.then);
      } else this.#walk(node.otherwise);
    }
    this.#dot = dot;
    this.#variables.length = scope;
  }

  #range(node: BlockNode): void {
    const value = this.#pipeline({ ...node.pipeline, declare: [] });
    const [first, second] = node.pipeline.declare;
    const { assign } = node.pipeline;
    let turned = false;
    const scope = this.#variables.length;
    for (const [key, item] of this.#entries(value, second !== undefined)) {
      turned = true;
      this.#step();
      this.#variables.length = scope;
      if (first) this.#set(first, second ? key : item, assign);
      if (second) this.#set(second, item, assign);
      this.#dot = item;
      try {
        this.#walk(node.then);
      } catch (error) {
        if (!(error instanceof Leave)) throw error;
        if (error.kind === 'break') break;
      }
    }
    if (!turned) this.#otherwise(node);
  }

  /** What a loop does when it has no turn; a `break` there leaves it, no loop around it. */
  #otherwise({ otherwise }: BlockNode): void {
    try {
      this.#walk(otherwise);
    } catch (error) {
      if (!(error instanceof Leave) || error.kind !== 'break') throw error;
    }
  }

  *#entries(value: Value, both: boolean): Iterable<readonly [Value, Value]> {
    if (isList(value)) {
      for (const [i, item] of value.entries()) yield [BigInt(i), item];
    } else if (isMap(value)) {
      // They are sorted before the first turn, so they are counted before it.
      this.#step(value.size);
      yield* [...value].sort(([a], [b]) => byteOrder(a, b));
    } else if (value !== null && value !== undefined) {
      const turns = wholeOf(value);
      if (turns === undefined) throw this.#fault(`range can't iterate over ${formatValue(value)}`);
      if (both) throw this.#fault(`can't use ${turns} to iterate over more than one variable`);
      for (let i = 0n; i < turns; i++) {
        const turn = value instanceof Integer ? new Integer(value.type, i) : i;
        yield [turn, turn];
      }
    }
  }

  #set(name: string, value: Value, assign: boolean): void {
    if (assign) this.#step(this.#variables.length / charactersOfStep);
    const existing = assign ? this.#variables.findLast((entry) => entry.name === name) : undefined;
    if (assign && !existing) throw this.#fault(`undefined variable: ${name}`);
    if (existing) existing.value = value;
    else this.#variables.push({ name, value });
  }

  #pipeline(pipeline: Pipeline): Value {
    this.#part = pipeline;
    let value: Value;
    pipeline.commands.forEach((command, i) => {
      value = this.#command(command, i === 0 ? [] : [value]);
    });
    for (const name of pipeline.declare) this.#set(name, value, pipeline.assign);
    return value;
  }

  #command({ operands, ...placed }: Command, piped: Piped): Value {
    const [head, ...rest] = operands as [Operand, ...Operand[]];
    if (head.kind === 'function') {
      this.#part = head;
      return this.#call(head.name, rest, piped, placed);
    }
    const given = rest.length > 0 || piped.length > 0;
    if (head.kind === 'literal' || (head.kind === 'dot' && head.path.length === 0)) this.#part = head;
    const plain = head.kind === 'literal' || head.path.length === 0;
    if (given && plain) throw this.#fault(`can't give argument to non-function ${head.text}`);
    if (head.kind === 'literal' && head.value === null) throw this.#fault('nil is not a command');
    return this.#value(head, given ? { operands: rest, piped, node: placed } : undefined);
  }

  #call(name: string, operands: readonly Operand[], piped: Piped, node: Placed): Value {
    const { parameters, rest, call } = functions.get(name) as TemplateFunction;
    const count = operands.length + piped.length;
    if (rest === undefined ? count !== parameters.length : count < parameters.length) {
      const [least, got] = rest === undefined ? ['', count] : ['at least ', operands.length];
      throw this.#fault(`wrong number of args for ${name}: want ${least}${parameters.length} got ${got}`);
    }
    // The rest is left unevaluated once the outcome is settled.
    if (name === 'and' || name === 'or') {
      let value: Value;
      for (const operand of operands) {
        value = this.#argument(operand, 'any');
        if (truth(value) === (name === 'or')) return value;
      }
      return piped.length > 0 ? piped[0] : value;
    }
    const args = this.#arguments({ operands, piped }, (i) => parameters[i] ?? rest ?? 'any');
    try {
      return this.#made(args, () => call(args, this));
    } catch (error) {
      const why =
        error instanceof RangeError ? tooLarge : error instanceof TemplateError ? error.message : undefined;
      if (why === undefined) throw error;
      this.#part = node;
      throw this.#fault(`error calling ${name}: ${why}`);
    }
  }

  #arguments(
    { operands, piped }: Pick<Given, 'operands' | 'piped'>,
    type: (i: number) => Parameter,
  ): Value[] {
    const args = operands.map((operand, i) => this.#argument(operand, type(i)));
    for (const value of piped) args.push(valueAs(value, type(args.length), true, this.#toFault));
    return args;
  }

  /** What a call makes: both that and its arguments count. */
  #made(args: readonly Value[], call: () => Value): Value {
    this.work(1);
    for (const arg of args) this.#carry(arg);
    const made = call();
    this.#carry(made);
    return made;
  }

  #argument(operand: Operand, type: Parameter): Value {
    this.#part = operand;
    if (operand.kind === 'literal') return literalAs(operand, type, this.#toFault);
    const bare = !('path' in operand && operand.path.length > 0);
    return valueAs(this.#value(operand), type, bare, this.#toFault);
  }

  /** `given`: its arguments, which only methods take. */
  #value(operand: Operand, given?: Given): Value {
    switch (operand.kind) {
      case 'literal':
        return operand.value;
      case 'function':
        this.#part = operand;
        return this.#call(operand.name, [], [], operand);
      case 'pipeline':
        if (operand.path.length > 0) this.#part = operand;
        return this.#fields(this.#pipeline(operand.pipeline), operand.path, given);
      case 'dot':
        if (operand.path.length > 0) this.#part = operand;
        return this.#fields(this.#dot, operand.path, given);
      case 'variable': {
        this.#part = operand;
        if (operand.name === '$') return this.#fields(this.#root, operand.path, given);
        this.#step(this.#variables.length / charactersOfStep);
        const found = this.#variables.findLast((entry) => entry.name === operand.name);
        if (!found) throw this.#fault(`undefined variable: ${operand.name}`);
        return this.#fields(found.value, operand.path, given);
      }
    }
  }

  #method(
    name: string,
    { parameters, call }: Method<undefined>,
    { operands, piped }: Pick<Given, 'operands' | 'piped'> = { operands: [], piped: [] },
  ): Value {
    const [count, got] = [parameters.length, operands.length + piped.length];
    if (count !== got) throw this.#fault(`wrong number of args for ${name}: want ${count} got ${got}`);
    const args = this.#arguments({ operands, piped }, (i) => parameters[i] ?? 'any');
    try {
      return this.#made(args, () => call(undefined, args));
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      throw this.#fault(`error calling ${name}: ${error.message}`);
    }
  }

  #fields(from: Value | RowLabels, path: readonly string[], given: Given | undefined): Value {
    if (isLabels(from) && path.length === 0) {
      const labels = [...from.entries()];
      this.#step(labels.length / 8);
      return new LabelMap(labels.map(([label, value]) => [label, value]));
    }
    let at = from;
    let isInterface = false;
    for (const [i, field] of path.entries()) {
      if (at === null || at === undefined) {
        if (i === 0) return at;
        throw this.#fault(`nil pointer evaluating interface {}.${field}`);
      }
      const own = given && i === path.length - 1 ? given : undefined;
      const method = isLabels(at) ? undefined : methodOf(at, field);
      if (method !== undefined) {
        at = this.#method(field, method, own);
        continue;
      }
      if (!isLabels(at) && !isMap(at)) {
        throw this.#fault(
          `can't evaluate field ${field} in type ${isInterface ? 'interface {}' : typeName(at)}`,
        );
      }
      if (own) throw this.#fault(`${field} is not a method but has arguments`);
      isInterface = !isLabels(at) && !(at instanceof LabelMap);
      at = at.get(field) ?? (isInterface ? null : '');
    }
    return at as Value;
  }
}

/** What stands behind a field, and what comes from the command before. */
interface Given {
  readonly operands: readonly Operand[];
  readonly piped: Piped;
  readonly node: Placed;
}

function isLabels(value: Value | RowLabels): value is RowLabels {
  return typeof value === 'object' && value !== null && 'extract' in value;
}
