import { noLabels, type StageDefinition } from '../pipeline/stage.js';

export interface DecolorizeStage {
  readonly kind: 'decolorize';
}

/** `| decolorize`: the line without ANSI escape sequences (ECMA-48 CSI, such as colours). */
export const decolorize: StageDefinition<DecolorizeStage> = {
  kind: 'decolorize',
  nodes: ['DecolorizeExpr'],
  work: 'formats',
  line: 'changed',
  parse: () => ({ kind: 'decolorize' }),
  format: () => '| decolorize',
  reads: noLabels,
  sql: (_, scope) => scope.changeLine(),
  compile: () => (row) => {
    row.line = plain(row.line);
    return true;
  },
};

function plain(line: string): string {
  // eslint-disable-next-line no-control-regex -- the escape character is what is looked for
  return line.includes('\x1b') ? line.replaceAll(/\x1b\[[0-?]*[ -/]*[@-~]/g, '') : line;
}
