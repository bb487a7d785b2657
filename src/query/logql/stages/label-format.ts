import { quote } from '../../text/unquote.js';
import type { Node } from '../grammar/tree.js';
import { unquote } from '../grammar/unquote.js';
import { errorLabel, type RowLabels } from '../model/labels.js';
import type { Scope } from '../pipeline/scope.js';
import { StageError, type Row, type StageDefinition } from '../pipeline/stage.js';
import { compileTemplate, orFail, templateLabels, templateMayFail, TemplateText } from '../template/index.js';

type Assignment =
  | { readonly name: string; readonly from: string }
  | { readonly name: string; readonly template: TemplateText };

export interface LabelFormatStage {
  readonly kind: 'label_format';
  readonly assignments: readonly Assignment[];
}

/** `| label_format a=b, c="{{.d}}"` */
export const labelFormat: StageDefinition<LabelFormatStage> = {
  kind: 'label_format',
  nodes: ['LabelFormatExpr'],
  work: 'formats',
  line: 'read',
  readsTime: true,
  parse(node) {
    const assignments = node.need('LabelsFormat').flatten().map(assignment);
    return { kind: 'label_format', assignments };
  },
  format: ({ assignments }) =>
    `| label_format ${assignments
      .map((one) => `${one.name}=${'from' in one ? one.from : quote(one.template.source)}`)
      .join(',')}`,
  reads({ assignments }) {
    const names: string[] = [];
    for (const one of assignments) {
      const read = 'from' in one ? [one.from] : templateLabels(one.template);
      if (!read) return undefined;
      names.push(one.name, ...read);
    }
    return names;
  },
  sql: ({ assignments }, scope) => assignments.forEach((one) => assign(one, scope)),
  compile({ assignments }) {
    const seen = new Set<string>();
    for (const { name } of assignments) {
      if (name === errorLabel) throw new StageError(`${errorLabel} cannot be formatted`);
      if (seen.has(name))
        throw new StageError(`multiple label name '${name}' not allowed in a single format operation`);
      seen.add(name);
    }
    const steps = assignments.map(compileAssignment);
    const several = assignments.filter((one) => 'template' in one).length > 1;
    return (row) => {
      // Templates see the labels as they are when the first of them runs.
      let seen: RowLabels | undefined;
      const labels = () => (seen ??= several ? row.labels.copy() : row.labels);
      for (const step of steps) step(row, labels);
      return true;
    };
  },
};

function assignment(node: Node): Assignment {
  const [name, , value] = node.children();
  const target = name?.text ?? '';
  return value?.name === 'String'
    ? { name: target, template: new TemplateText(unquote(value.text)) }
    : { name: target, from: value?.text ?? '' };
}

function assign(one: Assignment, scope: Scope): void {
  if ('template' in one) {
    if (templateMayFail(one.template)) scope.failUnseen();
    scope.assign(one.name, undefined);
    return;
  }
  const source = scope.meaning(one.from);
  const before = source && scope.meaning(one.name);
  if (before && source.unlessLineHasIt === undefined && before.unlessLineHasIt === undefined) {
    // Renaming a label that is not there leaves the target alone.
    scope.assign(one.name, `coalesce(${source.sql}, ${before.sql})`);
    scope.remove(one.from);
  } else {
    scope.assign(one.name, undefined);
    scope.assign(one.from, undefined);
  }
}

function compileAssignment(one: Assignment): (row: Row, seen: () => RowLabels) => unknown {
  const { name } = one;
  if ('template' in one) {
    const template = compileTemplate(one.template, `template for label '${name}'`, 'label');
    return (row, seen) => orFail(() => row.labels.set(name, template({ ...row, labels: seen() })))(row);
  }
  return ({ labels }) => labels.rename(one.from, name);
}
