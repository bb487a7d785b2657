import { QueryError } from '../../../lake/query-error.js';
import { goQuoteRune } from '../../text/go-quote.js';
import { compileRegex } from '../../text/re2.js';
import type { IntrinsicName } from '../model/intrinsics.js';
import type { Value } from '../model/value.js';
import type { FieldExpr, Pipeline, SpansetExpr } from '../syntax/ast.js';

/** The pairs of a logfmt text: `key=value other="two words" bare`, of which the last has an empty value. */
export function parseLogfmt(text: string): Map<string, string> {
  const pattern = /\s*([^\s="]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s"=]*)))?(?=\s|$)/y;
  const pairs = new Map<string, string>();
  while (/\S/.test(text.slice(pattern.lastIndex))) {
    const at = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match) throw new QueryError('bad_data', `invalid tags: ${logfmtFault(text, at)}`);
    const [, key = '', quoted, plain = ''] = match;
    if (pairs.has(key)) throw new QueryError('bad_data', `invalid tags: tag ${key} has been set twice`);
    pairs.set(key, quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1'));
  }
  return pairs;
}

/** What is wrong with the pair that begins at `at`, at the position of the character. */
function logfmtFault(text: string, at: number): string {
  const [pair = '', before = '', quoted = ''] =
    /^(\s*(?:[^\s="]+(?:=[^\s"=]*)?)?)("(?:[^"\\]|\\.)*)?/s.exec(text.slice(at)) ?? [];
  const open = quoted !== '' && before.endsWith('=') && at + pair.length >= text.length;
  if (open) return `unterminated quoted value at pos ${text.length + 1}`;
  const place = at + before.length;
  return `unexpected ${goQuoteRune(text[place] ?? '')} at pos ${place + 1}`;
}

export interface LegacySearch {
  readonly tags: ReadonlyMap<string, string>;
  /** Nanoseconds, of the whole trace. */
  readonly minDuration: bigint | undefined;
  readonly maxDuration: bigint | undefined;
}

/** The search by tags that came before TraceQL, as a pipeline: each tag on some span of the trace. */
export function legacyPipeline({ tags, minDuration, maxDuration }: LegacySearch): Pipeline {
  const at = 0;
  const filters = [...tags].map(([key, value]): SpansetExpr => {
    return { kind: 'filter', condition: tagCondition(key, value), at };
  });
  const always: FieldExpr = { kind: 'static', value: { type: 'bool', value: true }, at };
  const start: SpansetExpr = { kind: 'filter', condition: always, at };
  const spans =
    filters.length === 0
      ? start
      : filters.reduce((left, right) => ({ kind: 'operation', op: '&&', left, right, at }));
  const bound = (op: '>=' | '<=', value: bigint): SpansetExpr => ({
    kind: 'filter',
    condition: {
      kind: 'binary',
      op,
      left: { kind: 'intrinsic', name: 'traceDuration', at },
      right: { kind: 'static', value: { type: 'duration', value }, at },
      at,
    },
    at,
  });
  return {
    elements: [
      spans,
      ...(minDuration === undefined ? [] : [bound('>=', minDuration)]),
      ...(maxDuration === undefined ? [] : [bound('<=', maxDuration)]),
    ],
  };
}

const special = new Map<string, IntrinsicName>([
  ['name', 'name'],
  ['root.name', 'rootName'],
  ['root.service.name', 'rootServiceName'],
]);

/** The text must occur in the value, in whatever case; numbers and booleans must be the value. */
function tagCondition(key: string, value: string): FieldExpr {
  const at = 0;
  if ((key === 'error' && value === 'true') || key === 'status.code' || key === 'status') {
    const status = key === 'error' ? 2 : ['unset', 'ok', 'error'].indexOf(value.toLowerCase());
    const left: FieldExpr = { kind: 'intrinsic', name: 'status', at };
    const right: FieldExpr = { kind: 'static', value: { type: 'status', value: status }, at };
    return { kind: 'binary', op: '=', left, right, at };
  }
  const intrinsic = special.get(key);
  const field: FieldExpr = intrinsic
    ? { kind: 'intrinsic', name: intrinsic, at }
    : { kind: 'attribute', scope: 'none', name: key, parent: false, at };
  const pattern = `(?i).*${value.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')}.*`;
  const compare = (op: '=~' | '=', to: Value): FieldExpr => {
    return { kind: 'binary', op, left: field, right: { kind: 'static', value: to, at }, at };
  };
  compileRegex(pattern);
  const options = [compare('=~', { type: 'string', value: pattern })];
  if (/^-?\d{1,18}$/.test(value)) options.push(compare('=', { type: 'int', value: BigInt(value) }));
  if (value === 'true' || value === 'false')
    options.push(compare('=', { type: 'bool', value: value === 'true' }));
  return options.reduce((left, right) => ({ kind: 'binary', op: '||', left, right, at }));
}
