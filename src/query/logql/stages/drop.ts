import { errorLabel } from '../model/labels.js';
import type { StageDefinition } from '../pipeline/stage.js';
import { formatLabelItems, itemTests, parseLabelItems, type LabelItem } from './label-list.js';

export interface DropStage {
  readonly kind: 'drop';
  readonly items: readonly LabelItem[];
}

/** `| drop a, b="x"` */
export const drop: StageDefinition<DropStage> = {
  kind: 'drop',
  nodes: ['DropLabelsExpr'],
  work: 'removes labels',
  line: 'unused',
  parse: (node) => ({ kind: 'drop', items: parseLabelItems(node) }),
  format: ({ items }) => `| drop ${formatLabelItems(items)}`,
  reads: ({ items }) => items.map(({ name }) => name),
  sql({ items }, scope) {
    for (const { name, matcher } of items) {
      if (matcher) {
        // Whether a label is dropped by its value is left to the pipeline.
        scope.assign(name, undefined);
        scope.leaveToPipeline();
      } else if (name === errorLabel) scope.dropErrors();
      else scope.remove(name);
    }
  },
  compile({ items }) {
    const tests = itemTests(items);
    return ({ labels }) => {
      for (const [name, matches] of tests) if (matches(labels.get(name) ?? '')) labels.delete(name);
      return true;
    };
  },
};
