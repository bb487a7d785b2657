import { QueryError } from '../../../lake/query-error.js';
import { quote } from '../../text/unquote.js';
import { unquote } from '../grammar/unquote.js';
import {
  isWanted,
  noLabels,
  StageError,
  type Hints,
  type StageDefinition,
  type StageFn,
} from '../pipeline/stage.js';

export interface PatternStage {
  readonly kind: 'pattern';
  readonly pattern: string;
}

/** `| pattern "<ip> - <_>"` */
export const pattern: StageDefinition<PatternStage> = {
  kind: 'pattern',
  nodes: ['LabelParser pattern'],
  work: 'parses',
  line: 'read',
  parse: (node) => ({ kind: 'pattern', pattern: unquote(node.need('String').text) }),
  format: (stage) => `| pattern ${quote(stage.pattern)}`,
  reads: noLabels,
  sql: (_, scope) => scope.parse(),
  compile: (stage, hints) => runPattern(stage.pattern, hints),
};

/** Literals and captures in turn; `_` captures are matched but not kept. */
export type Pattern = readonly ({ readonly literal: string } | { readonly capture: string })[];

/** Parses `<ip> - <_> "<method> <path>"`. Throws QueryError. */
function parsePattern(text: string): Pattern {
  return patternOf(text, refused);
}

function patternOf(text: string, refusal: (why: string) => QueryError): Pattern {
  const parts: ({ literal: string } | { capture: string })[] = [];
  let last = 0;
  for (const match of text.matchAll(/<([a-zA-Z_]\w*)>/g)) {
    if (match.index > last) parts.push({ literal: text.slice(last, match.index) });
    else if (parts.length > 0) {
      const before = parts.at(-1);
      const both = `<${before && 'capture' in before ? before.capture : ''}>${match[0]}`;
      throw refusal(`found consecutive capture '${both}': invalid expression`);
    }
    parts.push({ capture: match[1] ?? '_' });
    last = match.index + match[0].length;
  }
  if (last < text.length) parts.push({ literal: text.slice(last) });
  return parts;
}

function refused(why: string): QueryError {
  return new QueryError('bad_data', `parse error : invalid pattern parser: ${why}`);
}

/** Of the line filter, which is told as the stage that it is. */
export function parseLinePattern(text: string): Pattern {
  return patternOf(text, (why) => new StageError(why));
}

function runPattern(text: string, hints: Hints | undefined): StageFn {
  const parts = parsePattern(text);
  const names = parts.flatMap((part) => ('capture' in part && part.capture !== '_' ? [part.capture] : []));
  if (names.length === 0) throw refused('at least one capture is required');
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice) throw refused(`duplicate capture name (${twice}): invalid expression`);
  return (row) => {
    const { line } = row;
    let at = 0;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as Pattern[number];
      if ('literal' in part) {
        if (!line.startsWith(part.literal, at)) break;
        at += part.literal.length;
        continue;
      }
      const next = parts[i + 1];
      const stop = next && 'literal' in next ? line.indexOf(next.literal, at) : -1;
      const until = stop < 0 ? line.length : stop;
      const { capture } = part;
      if (capture !== '_' && isWanted(capture, row.labels, hints)) {
        row.labels.extract(capture, line.slice(at, until));
      }
      if (stop < 0) break;
      at = until;
    }
    return true;
  };
}

/** The line filter `|>`: the whole line, each `<_>` at least one character up to the next literal's first place. */
export function patternMatcher(text: string): (line: string) => boolean {
  const parts = parseLinePattern(text);
  const named = parts.find((part) => 'capture' in part && part.capture !== '_');
  if (named && 'capture' in named) {
    throw new StageError(`named captures are not allowed: found '<${named.capture}>'`);
  }
  return (line) => {
    let at = 0;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as Pattern[number];
      if ('literal' in part) {
        if (!line.startsWith(part.literal, at)) return false;
        at += part.literal.length;
        continue;
      }
      const next = parts[i + 1];
      const until = next && 'literal' in next ? line.indexOf(next.literal, at) : line.length;
      if (until <= at) return false;
      at = until;
    }
    return at === line.length;
  };
}
