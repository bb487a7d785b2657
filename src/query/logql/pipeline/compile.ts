import { QueryError } from '../../../lake/query-error.js';
import { compileMatcher } from '../../series/matchers.js';
import type { Stage } from '../syntax/ast.js';
import { labelFilterStage, lineFilterStage } from './filters.js';
import { jsonFieldsStage, jsonStage, unpackStage } from './json.js';
import { aliases, type RowLabels } from './labels.js';
import { logfmtStage } from './logfmt.js';
import { patternStage } from './pattern.js';
import { compileRegex, groupNames } from '../../text/re2.js';
import type { StageFn } from './row.js';
import { compileTemplate, TemplateError } from './template/index.js';

const templateError = 'TemplateFormatErr';

/**
 * Compiles a pipeline to a function that changes a row in place and tells whether it is kept. `needed`: the only labels
 * that the stages and what comes after them read. Throws QueryError.
 */
export function compilePipeline(stages: readonly Stage[], needed?: readonly string[]): StageFn {
  const compiled = stages.map((stage) => compileStage(stage, needed));
  return (row) => {
    for (const stage of compiled) if (!stage(row)) return false;
    return true;
  };
}

function compileStage(stage: Stage, needed: readonly string[] | undefined): StageFn {
  switch (stage.kind) {
    case 'line':
      return lineFilterStage(stage);
    case 'label':
      return labelFilterStage(stage.filter);
    case 'json':
      return stage.fields.length > 0 ? jsonFieldsStage(stage.fields) : jsonStage(needed);
    case 'logfmt':
      return logfmtStage(stage);
    case 'regexp':
      return regexpStage(stage.pattern);
    case 'pattern':
      return patternStage(stage.pattern);
    case 'unpack':
      return unpackStage();
    case 'decolorize':
      return (row) => {
        row.line = decolorize(row.line);
        return true;
      };
    case 'line_format':
      return lineFormatStage(stage.template);
    case 'label_format':
      return labelFormatStage(stage.assignments);
    case 'drop':
    case 'keep':
      return selectStage(stage);
  }
}

/** Without ANSI escape sequences (ECMA-48 CSI, such as colours). */
function decolorize(line: string): string {
  // eslint-disable-next-line no-control-regex -- the escape character is what is looked for
  return line.includes('\x1b') ? line.replaceAll(/\x1b\[[0-?]*[ -/]*[@-~]/g, '') : line;
}

function regexpStage(pattern: string): StageFn {
  const regex = compileRegex(pattern);
  const names = groupNames(regex);
  if (names.length === 0) {
    throw new QueryError('bad_data', 'parse error: regexp needs a named capture group');
  }
  return (row) => {
    const matcher = regex.matcher(row.line);
    if (!matcher.find()) return true;
    for (const name of names) row.labels.extract(name, matcher.group(name) ?? '');
    return true;
  };
}

function lineFormatStage(text: string): StageFn {
  const template = compileTemplate(text, 'line_format');
  return (row) => {
    try {
      row.line = template(row);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      row.labels.fail(templateError, error.message);
    }
    return true;
  };
}

function labelFormatStage(assignments: Extract<Stage, { kind: 'label_format' }>['assignments']): StageFn {
  const steps = assignments.map((assignment): ((row: Parameters<StageFn>[0]) => void) => {
    const { name } = assignment;
    if ('template' in assignment) {
      const template = compileTemplate(assignment.template, `label_format ${name}`);
      return (row) => row.labels.set(name, template(row));
    }
    return (row) => {
      const value = row.labels.get(assignment.from);
      if (value === undefined) return;
      row.labels.set(name, value);
      row.labels.delete(assignment.from);
    };
  });
  return (row) => {
    try {
      for (const step of steps) step(row);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      row.labels.fail(templateError, error.message);
    }
    return true;
  };
}

function selectStage(stage: Extract<Stage, { kind: 'drop' | 'keep' }>): StageFn {
  const tests = new Map<string, (value: string) => boolean>();
  for (const { name, matcher } of stage.items) {
    const before = tests.get(name);
    const matches = matcher ? compileMatcher(matcher, 'not newline').matches : () => true;
    tests.set(name, before ? (value) => before(value) || matches(value) : matches);
  }
  const matches = (labels: RowLabels, name: string) => tests.get(name)?.(labels.get(name) ?? '') ?? false;
  if (stage.kind === 'drop') {
    return ({ labels }) => {
      for (const name of tests.keys()) if (matches(labels, name)) labels.delete(name);
      return true;
    };
  }
  // Keeping a name keeps what it stands for.
  for (const [name, target] of aliases) {
    const matcher = tests.get(name);
    if (matcher && !tests.has(target)) tests.set(target, matcher);
  }
  return ({ labels }) => {
    for (const [name] of [...labels.entries()]) {
      if (!name.startsWith('__') && !matches(labels, name)) labels.delete(name);
    }
    return true;
  };
}
