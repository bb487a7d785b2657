import { QueryError } from '../../../lake/query-error.js';
import { regexFault } from '../grammar/matcher.js';
import type { Node } from '../grammar/tree.js';
import type { RowLabels } from '../model/labels.js';
import { StageError, type Hints, type StageDefinition, type StageFn } from '../pipeline/stage.js';
import { decolorize, type DecolorizeStage } from './decolorize.js';
import { drop, type DropStage } from './drop.js';
import { json, type JsonStage } from './json.js';
import { keep, type KeepStage } from './keep.js';
import { compileLabelFilter, filterNames, labelFilter, type LabelFilterStage } from './label-filter.js';
import { labelFormat, type LabelFormatStage } from './label-format.js';
import { lineFilter, type LineFilter } from './line-filter.js';
import { lineFormat, type LineFormatStage } from './line-format.js';
import { logfmt, type LogfmtStage } from './logfmt.js';
import { pattern, type PatternStage } from './pattern.js';
import { regexp, type RegexpStage } from './regexp.js';
import { unpack, type UnpackStage } from './unpack.js';

/** A stage of a pipeline as it was written. */
export type Stage =
  | LineFilter
  | LabelFilterStage
  | JsonStage
  | LogfmtStage
  | RegexpStage
  | PatternStage
  | UnpackStage
  | DecolorizeStage
  | LineFormatStage
  | LabelFormatStage
  | DropStage
  | KeepStage;

/** A new kind of stage is a file of this folder and its line here. */
const definitions: readonly StageDefinition<Stage>[] = [
  lineFilter,
  labelFilter,
  json,
  logfmt,
  regexp,
  pattern,
  unpack,
  decolorize,
  lineFormat,
  labelFormat,
  drop,
  keep,
];

const byKind = new Map(definitions.map((definition) => [definition.kind, definition]));
const byNode = new Map(
  definitions.flatMap((definition) => definition.nodes.map((node) => [node, definition])),
);

/** What its kind of stage does. */
export function definitionOf(stage: Stage): StageDefinition<Stage> {
  return byKind.get(stage.kind) as StageDefinition<Stage>;
}

/** A stage of the grammar's tree. Throws QueryError. */
export function parseStage(node: Node): Stage {
  const keyword = node.name === 'LabelParser' ? ` ${node.children()[0]?.text ?? ''}` : '';
  const definition = byNode.get(node.name + keyword);
  if (!definition)
    throw new QueryError('unsupported', `the stage ${node.text.slice(0, 40)} is not supported`);
  return definition.parse(node);
}

/** LogQL text. */
export function formatStage(stage: Stage): string {
  return definitionOf(stage).format(stage);
}

/** The labels that a stage reads; undefined when that can't be told. */
export function stageNames(stage: Stage): readonly string[] | undefined {
  return definitionOf(stage).reads(stage);
}

/**
 * Compiles a pipeline to a function that changes a row in place and tells whether it is kept. `metric`: of a metric query,
 * the only labels that its stages and what comes after them read, and whether lines are read no further than to these. Throws QueryError.
 */
export function compilePipeline(
  stages: readonly Stage[],
  metric?: {
    readonly needed: readonly string[] | undefined;
    readonly early: boolean;
    /** Its samples are grouped by labels: then Loki's parsers are told of these, but of no filters. */
    readonly grouped: boolean;
  },
): StageFn {
  const needed = metric?.needed && new Set(metric.needed);
  const compiled = stages.map((stage, i) => {
    try {
      const filters = filtersBehind(metric?.grouped ? [] : stages.slice(i + 1));
      const hints = { needed, early: metric?.early ?? false, filters };
      return definitionOf(stage).compile(stage, hints);
    } catch (error) {
      throw located(error, stage, stages);
    }
  });
  return (row) => {
    for (const stage of compiled) if (!stage(row)) return false;
    return true;
  };
}

/** The filters of one label each, before labels become others. */
function filtersBehind(stages: readonly Stage[]): Hints['filters'] {
  const filters = new Map<string, (labels: RowLabels) => boolean>();
  for (const stage of stages) {
    if (stage.kind === 'label_format' || definitionOf(stage).work === 'parses') break;
    const [name, another] = stage.kind === 'label' ? filterNames(stage.filter) : [];
    if (stage.kind !== 'label' || 'left' in stage.filter || name === undefined || another !== undefined)
      continue;
    if (!filters.has(name)) filters.set(name, compileLabelFilter(stage.filter));
  }
  return filters;
}

/** In Loki's words: line filters one after the other are one stage. */
function located(error: unknown, stage: Stage, stages: readonly Stage[]): unknown {
  const pattern = stage.kind === 'line' && error instanceof QueryError && error.cause instanceof Error;
  if (!pattern && !(error instanceof StageError)) return error;
  let [first, last] = [stages.indexOf(stage), stages.indexOf(stage)];
  if (stage.kind === 'line') {
    while (stages[first - 1]?.kind === 'line') first--;
    while (stages[last + 1]?.kind === 'line') last++;
  }
  const text = stages
    .slice(first, last + 1)
    .map(formatStage)
    .join(' ');
  const why = pattern ? regexFault(error.cause as Error) : error.message;
  return new QueryError('bad_data', `parse error : stage '${text}' : ${why}`);
}
