import { aliases, pipelineLabels } from '../model/labels.js';
import type { StageDefinition } from '../pipeline/stage.js';
import { formatLabelItems, itemTests, parseLabelItems, type LabelItem } from './label-list.js';

export interface KeepStage {
  readonly kind: 'keep';
  readonly items: readonly LabelItem[];
}

/** Keeping a name keeps what it stands for, but for the level, of which Loki has the one beside the other. */
function withAlias(name: string): string[] {
  return name === 'level' ? [name] : [name, aliases.get(name) ?? name];
}

/** `| keep a, b="x"` */
export const keep: StageDefinition<KeepStage> = {
  kind: 'keep',
  nodes: ['KeepLabelsExpr'],
  work: 'removes labels',
  line: 'unused',
  parse: (node) => ({ kind: 'keep', items: parseLabelItems(node) }),
  format: ({ items }) => `| keep ${formatLabelItems(items)}`,
  reads: ({ items }) => items.map(({ name }) => name),
  sql({ items }, scope) {
    scope.keepOnly(items.flatMap(({ name }) => withAlias(name)));
    for (const { name, matcher } of items) {
      if (!matcher) continue;
      scope.leaveToPipeline();
      for (const each of withAlias(name)) scope.assign(each, undefined);
    }
  },
  compile({ items }) {
    const tests = itemTests(items);
    for (const [name, matches] of [...tests]) {
      for (const target of withAlias(name)) if (!tests.has(target)) tests.set(target, matches);
    }
    return ({ labels }) => {
      for (const [name] of [...labels.entries()]) {
        if (!pipelineLabels.has(name) && !(tests.get(name)?.(labels.get(name) ?? '') ?? false))
          labels.delete(name);
      }
      return true;
    };
  },
};
