import { quote } from '../../text/unquote.js';
import { unquote } from '../grammar/unquote.js';
import type { StageDefinition } from '../pipeline/stage.js';
import { compileTemplate, orFail, templateLabels, TemplateText } from '../template/index.js';

export interface LineFormatStage {
  readonly kind: 'line_format';
  readonly template: TemplateText;
}

/** `| line_format "{{.a}}"` */
export const lineFormat: StageDefinition<LineFormatStage> = {
  kind: 'line_format',
  nodes: ['LineFormatExpr'],
  work: 'formats',
  line: 'changed',
  readsTime: true,
  parse: (node) => ({ kind: 'line_format', template: new TemplateText(unquote(node.need('String').text)) }),
  format: ({ template }) => `| line_format ${quote(template.source)}`,
  reads({ template }) {
    const names = templateLabels(template);
    return names && [...names];
  },
  sql(_, scope) {
    scope.changeLine();
    scope.mayFail();
  },
  compile(stage) {
    const template = compileTemplate(stage.template, 'line template', 'line');
    return orFail((row) => {
      row.line = template(row);
    });
  },
};
