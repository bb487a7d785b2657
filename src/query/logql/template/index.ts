import { StageError, type Row, type StageFn } from '../pipeline/stage.js';
import { Execution } from './execution.js';
import { functions } from './functions.js';
import { parseTemplate, type Operand, type Pipeline, type Template, type TemplateNode } from './parse.js';
import { TemplateError } from './value.js';

export { formatTime } from './time.js';

const names = new Set(functions.keys());

/** A Go text/template with LogQL's functions, as it was written. It is parsed once, when that is first needed. */
export class TemplateText {
  #parsed: Template | TemplateError | undefined;

  constructor(readonly source: string) {}

  /** Throws TemplateError. */
  get parsed(): Template {
    this.#parsed ??= parsed(this.source);
    if (this.#parsed instanceof TemplateError) throw this.#parsed;
    return this.#parsed;
  }
}

function parsed(source: string): Template | TemplateError {
  try {
    return parseTemplate(source, names);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return error;
  }
}

function readable(template: TemplateText, what: string, name: string): Template {
  try {
    return template.parsed;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new StageError(`invalid ${what}: template: ${name}:1: ${error.message}`);
  }
}

/**
 * Labels are `.name`, a label that is not there is empty. `what` it is and its name are for errors. Throws QueryError when it
 * does not parse; the template throws TemplateError when it fails on a row.
 */
export function compileTemplate(template: TemplateText, what: string, name: string): (row: Row) => string {
  const nodes = readable(template, what, name);
  return (row) => new Execution(row, nodes, { name, source: template.source }).run();
}

const templateError = 'TemplateFormatErr';

/** Marks the rows on which a template fails. */
export function orFail(change: (row: Row) => void): StageFn {
  return (row) => {
    try {
      change(row);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      row.labels.failAgain(templateError, error.message);
    }
    return true;
  };
}

/** Whether a template may fail on a row: not where it is text and labels alone. */
export function templateMayFail(template: TemplateText): boolean {
  const { nodes, defined } = readable(template, 'template', 'line');
  const plain = ({ pipeline: { commands, declare } }: Extract<TemplateNode, { kind: 'print' }>) => {
    const [operand, ...more] = commands.flatMap(({ operands }) => operands);
    return declare.length === 0 && more.length === 0 && operand?.kind === 'dot' && operand.path.length === 1;
  };
  return (
    defined.size > 0 || !nodes.every((node) => node.kind === 'text' || (node.kind === 'print' && plain(node)))
  );
}

/** The labels that a template reads as `.name`, or undefined when it reads them in a way that can't be told. */
export function templateLabels(template: TemplateText): ReadonlySet<string> | undefined {
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
  const pipeline = (part: Pipeline) => part.commands.forEach(({ operands }) => operands.forEach(operand));
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
  const { nodes, defined } = readable(template, 'template', 'line');
  walk(nodes);
  defined.forEach(walk);
  return known ? found : undefined;
}
