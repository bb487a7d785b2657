import type { RowLabels } from '../model/labels.js';
import { StageError, type Row, type StageFn } from '../pipeline/stage.js';
import { formatValue } from './format.js';
import { functions, type Context, type TemplateFunction } from './functions.js';
import { parseTemplate, type Operand, type Pipeline, type Template, type TemplateNode } from './parse.js';
import { isList, isMap, isTime, TemplateError, truth, type Value } from './value.js';

export { formatTime } from './time.js';

/** Longest text that a template may give. */
const maxOutput = 1024 * 1024;
/** Templates that call one another. */
const maxCalls = 100;
/** Most actions and loop turns in one execution. */
const maxSteps = 100_000;

const names = new Set(functions.keys());

/**
 * Compiles a Go text/template with LogQL's functions; labels are `.name`, a label that is not there is empty.
 * `what` it is and its name are for errors. Throws QueryError when it does not parse; the template throws TemplateError when it fails on a row.
 */
export function compileTemplate(source: string, what: string, name: string): (row: Row) => string {
  const template = parsed(source, what, name);
  return (row) => {
    try {
      return new Execution(row, template).run();
    } catch (error) {
      if (error instanceof TemplateError) throw new TemplateError(`template: ${name}:1: ${error.message}`);
      throw error;
    }
  };
}

function parsed(source: string, what: string, name: string): Template {
  try {
    return parseTemplate(source, names);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new StageError(`invalid ${what}: template: ${name}:1: ${error.message}`);
  }
}

const templateError = 'TemplateFormatErr';

/** A stage that marks the rows on which its templates fail. */
export function orFail(change: (row: Row) => void): StageFn {
  return (row) => {
    try {
      change(row);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      row.labels.fail(templateError, error.message);
    }
    return true;
  };
}

/** The labels that a template reads as `.name`, or undefined when it reads them in a way that can't be told. */
export function templateLabels(source: string): ReadonlySet<string> | undefined {
  const found = new Set<string>();
  let known = true;
  const operand = (part: Operand) => {
    if (part.kind === 'dot') {
      if (part.path[0] === undefined) known = false;
      else found.add(part.path[0]);
    } else if (part.kind === 'variable' && part.name === '$') {
      if (part.path[0] === undefined) known = false;
      else found.add(part.path[0]);
    } else if (part.kind === 'pipeline') pipeline(part.pipeline);
  };
  const pipeline = (part: Pipeline) => part.commands.forEach((command) => command.forEach(operand));
  const walk = (nodes: readonly TemplateNode[]) => {
    for (const node of nodes) {
      if (node.kind === 'print') pipeline(node.pipeline);
      else if (node.kind === 'template' && node.pipeline) pipeline(node.pipeline);
      else if (node.kind === 'if' || node.kind === 'with' || node.kind === 'range') {
        pipeline(node.pipeline);
        walk(node.then);
        walk(node.otherwise);
      }
    }
  };
  const { nodes, defined } = parsed(source, 'template', 'line');
  walk(nodes);
  defined.forEach(walk);
  return known ? found : undefined;
}

class Leave extends Error {
  constructor(readonly kind: 'break' | 'continue') {
    super(kind);
  }
}

class Execution implements Context {
  #out = '';
  #steps = 0;
  #calls = 0;
  #variables: { name: string; value: Value }[] = [];
  #dot: Value | RowLabels;
  /** `$`: what the template was called with. */
  #root: Value | RowLabels;

  constructor(
    readonly row: Row,
    private readonly template: Template,
  ) {
    this.#dot = this.#root = row.labels;
  }

  run(): string {
    this.#walk(this.template.nodes);
    return this.#out;
  }

  #call(name: string, pipeline: Pipeline | undefined): void {
    const nodes = this.template.defined.get(name);
    if (!nodes) throw new TemplateError(`template "${name}" not defined`);
    if (++this.#calls > maxCalls) throw new TemplateError('exceeded maximum template depth');
    const before = [this.#dot, this.#root, this.#variables] as const;
    this.#dot = this.#root = pipeline ? this.#argument(pipeline) : null;
    this.#variables = [];
    this.#walk(nodes);
    [this.#dot, this.#root, this.#variables] = before;
    this.#calls--;
  }

  /** The labels themselves where it is all of them, so that one that is not there stays empty. */
  #argument(pipeline: Pipeline): Value | RowLabels {
    const [operand, ...more] = pipeline.commands[0] ?? [];
    if (pipeline.commands.length > 1 || more.length > 0 || pipeline.declare.length > 0) {
      return this.#pipeline(pipeline);
    }
    if (operand?.kind === 'dot' && operand.path.length === 0) return this.#dot;
    if (operand?.kind === 'variable' && operand.name === '$' && operand.path.length === 0) return this.#root;
    return this.#pipeline(pipeline);
  }

  #step(): void {
    if (++this.#steps > maxSteps) throw new TemplateError('the template takes too many steps');
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
          this.#call(node.name, node.pipeline);
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
    if (this.#out.length > maxOutput) {
      throw new TemplateError(`the result is longer than ${maxOutput} characters`);
    }
  }

  #block(node: Extract<TemplateNode, { kind: 'if' | 'with' | 'range' }>): void {
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

  #range(node: Extract<TemplateNode, { kind: 'if' | 'with' | 'range' }>): void {
    const value = this.#pipeline({ ...node.pipeline, declare: [] });
    const entries = rangeEntries(value);
    if (entries.length === 0) return this.#walk(node.otherwise);
    const scope = this.#variables.length;
    const [first, second] = node.pipeline.declare;
    for (const [key, item] of entries) {
      this.#step();
      this.#variables.length = scope;
      if (first) this.#variables.push({ name: first, value: second ? key : item });
      if (second) this.#variables.push({ name: second, value: item });
      this.#dot = item;
      try {
        this.#walk(node.then);
      } catch (error) {
        if (!(error instanceof Leave)) throw error;
        if (error.kind === 'break') break;
      }
    }
  }

  #pipeline(pipeline: Pipeline): Value {
    let value: Value;
    pipeline.commands.forEach((command, i) => {
      value = this.#command(command, i === 0 ? [] : [value]);
    });
    for (const name of pipeline.declare) {
      const existing = pipeline.assign ? this.#variables.findLast((entry) => entry.name === name) : undefined;
      if (pipeline.assign && !existing) throw new TemplateError(`undefined variable ${name}`);
      if (existing) existing.value = value;
      else this.#variables.push({ name, value });
    }
    return value;
  }

  #command(command: readonly Operand[], piped: readonly Value[]): Value {
    const [head, ...rest] = command;
    if (head?.kind === 'function') return this.#invoke(head.name, rest, piped);
    if (rest.length > 0 || piped.length > 0)
      throw new TemplateError('a value can not be called with arguments');
    if (head?.kind === 'literal' && head.value === null) throw new TemplateError('nil is not a command');
    return this.#value(head as Operand);
  }

  #invoke(name: string, operands: readonly Operand[], piped: readonly Value[]): Value {
    // `and` and `or` leave the rest unevaluated once they are settled.
    if (name === 'and' || name === 'or') {
      let value: Value;
      for (const operand of operands) {
        value = this.#value(operand);
        if (truth(value) === (name === 'or')) return value;
      }
      return piped.length > 0 ? piped[0] : value;
    }
    const args = [...operands.map((operand) => this.#value(operand)), ...piped];
    const fn = functions.get(name) as TemplateFunction;
    if (args.length < fn.min || args.length > fn.max) {
      throw new TemplateError(`wrong number of arguments for ${name}: ${args.length}`);
    }
    return fn.call(args, this);
  }

  #value(operand: Operand): Value {
    switch (operand.kind) {
      case 'literal':
        return operand.value;
      case 'function':
        return this.#invoke(operand.name, [], []);
      case 'pipeline':
        return walkPath(this.#pipeline(operand.pipeline), operand.path);
      case 'dot':
        return this.#path(this.#dot, operand.path);
      case 'variable': {
        if (operand.name === '$') return this.#path(this.#root, operand.path);
        const found = this.#variables.findLast((entry) => entry.name === operand.name);
        if (!found) throw new TemplateError(`undefined variable ${operand.name}`);
        return walkPath(found.value, operand.path);
      }
    }
  }

  #path(from: Value | RowLabels, path: readonly string[]): Value {
    if (!isLabels(from)) return walkPath(from, path);
    const [name, ...rest] = path;
    if (name === undefined) return new Map([...from.entries()].map(([label, value]) => [label, value]));
    return walkPath(from.get(name) ?? '', rest);
  }
}

function isLabels(value: Value | RowLabels): value is RowLabels {
  return typeof value === 'object' && value !== null && 'extract' in value;
}

function walkPath(value: Value, path: readonly string[]): Value {
  let at = value;
  for (const field of path) {
    if (at === null || at === undefined) return at;
    if (!isMap(at)) throw new TemplateError(`can't evaluate field ${field}`);
    at = at.get(field) ?? null;
  }
  return at;
}

function rangeEntries(value: Value): (readonly [Value, Value])[] {
  if (isList(value)) return value.map((item, i) => [BigInt(i), item] as const);
  if (isMap(value)) return [...value].sort(([a], [b]) => (a < b ? -1 : 1));
  if (value === null || value === undefined) return [];
  if (typeof value === 'bigint') {
    const count = Math.max(0, Math.min(Number(value), maxSteps + 1));
    return Array.from({ length: count }, (_, i) => [BigInt(i), BigInt(i)] as const);
  }
  throw new TemplateError(`range can't iterate over ${isTime(value) ? 'a time' : formatValue(value)}`);
}
