import { QueryError } from '../../../lake/query-error.js';
import { compileRegex, groupNames } from '../../text/re2.js';
import { quote } from '../../text/unquote.js';
import { checkPattern } from '../grammar/matcher.js';
import { unquote } from '../grammar/unquote.js';
import { isWanted, noLabels, type Hints, type StageDefinition, type StageFn } from '../pipeline/stage.js';

export interface RegexpStage {
  readonly kind: 'regexp';
  readonly pattern: string;
}

/** `| regexp "(?P<a>.*)"` */
export const regexp: StageDefinition<RegexpStage> = {
  kind: 'regexp',
  nodes: ['LabelParser regexp'],
  work: 'parses',
  line: 'read',
  parse: (node) => {
    const pattern = unquote(node.need('String').text);
    checkPattern(pattern, 'invalid regexp parser: ');
    if (groupNames(compileRegex(pattern)).length === 0) throw unnamed();
    return { kind: 'regexp', pattern };
  },
  format: ({ pattern }) => `| regexp ${quote(pattern)}`,
  reads: noLabels,
  sql: (_, scope) => scope.parse(),
  compile: ({ pattern }, hints) => runRegexp(pattern, hints),
};

function unnamed(): QueryError {
  return new QueryError(
    'bad_data',
    'parse error : invalid regexp parser: at least one named capture must be supplied',
  );
}

function runRegexp(pattern: string, hints: Hints | undefined): StageFn {
  const regex = compileRegex(pattern);
  const names = groupNames(regex);
  return (row) => {
    const matcher = regex.matcher(row.line);
    if (!matcher.find()) return true;
    for (const name of names) {
      if (isWanted(name, row.labels, hints)) row.labels.extract(name, matcher.group(name) ?? '');
    }
    return true;
  };
}
