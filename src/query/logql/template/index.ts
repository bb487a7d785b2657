import { StageError, type Row, type StageFn } from '../pipeline/stage.js';
import { Execution } from './execution.js';
import { functions } from './functions.js';
import { parseTemplate, type Operand, type Pipeline, type Template, type TemplateNode } from './parse.js';
import { TemplateError } from './value.js';

export { formatTime } from './time.js';

const names = new Set(functions.keys());

/**
 * Compiles a Go text/template with LogQL's functions; labels are `.name`, a label that is not there is empty.
 * `what` it is and its name are for errors. Throws QueryError when it does not parse; the template throws TemplateError when it fails on a row.
 */
export function compileTemplate(source: string, what: string, name: string): (row: Row) => string {
  const template = parsed(source, what, name);
  return (row) => new Execution(row, template, { name, source }).run();
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
export function templateMayFail(source: string): boolean {
  const { nodes, defined } = parsed(source, 'template', 'line');
  const plain = ({ pipeline: { commands, declare } }: Extract<TemplateNode, { kind: 'print' }>) => {
    const [operand, ...more] = commands.flatMap(({ operands }) => operands);
    return declare.length === 0 && more.length === 0 && operand?.kind === 'dot' && operand.path.length === 1;
  };
  return (
    defined.size > 0 || !nodes.every((node) => node.kind === 'text' || (node.kind === 'print' && plain(node)))
  );
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
  const { nodes, defined } = parsed(source, 'template', 'line');
  walk(nodes);
  defined.forEach(walk);
  return known ? found : undefined;
}
