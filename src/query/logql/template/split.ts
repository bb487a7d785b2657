import { TemplateError } from './value.js';

/** Where a part is in the template, and how Go writes it: both are told with an error there. */
export interface Placed {
  readonly at: number;
  readonly text: string;
}

type Part = { readonly kind: 'text'; readonly text: string } | (Placed & { readonly kind: 'action' });

/** Text and actions in turn, comments left out, white space trimmed at `{{-` and `-}}`. */
export function split(source: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  let trim = false;
  const text = (until: number, trimEnd: boolean) => {
    let value = source.slice(at, until);
    if (trim) value = value.trimStart();
    if (trimEnd) value = value.trimEnd();
    parts.push({ kind: 'text', text: value });
  };
  for (;;) {
    const left = source.indexOf('{{', at);
    if (left < 0) break;
    const trimLeft = /^\{\{-\s/.test(source.slice(left, left + 4));
    text(left, trimLeft);
    const action = left + (trimLeft ? 3 : 2);
    const comment = /\s*\/\*/y;
    comment.lastIndex = action;
    if (comment.test(source)) {
      const close = source.indexOf('*/', comment.lastIndex);
      if (close < 0) throw new TemplateError('unclosed comment');
      const after = /\s*(-?)\}\}/y;
      after.lastIndex = close + 2;
      const found = after.exec(source);
      if (!found) throw new TemplateError('comment ends before closing delimiter');
      at = after.lastIndex;
      trim = found[1] === '-';
      continue;
    }
    const end = closing(source, action);
    trim = /\s-$/.test(source.slice(action, end));
    parts.push({ kind: 'action', text: source.slice(action, trim ? end - 1 : end), at: action });
    at = end + 2;
  }
  text(source.length, false);
  return parts;
}

/** Where `}}` closes the action, not counting those within quotes. */
function closing(source: string, from: number): number {
  const piece = /"(?:[^"\\]|\\.)*"|`[^`]*`|\}\}|[^"`}]+|\}/y;
  piece.lastIndex = from;
  for (let match = piece.exec(source); match; match = piece.exec(source)) {
    if (match[0] === '}}') return match.index;
  }
  throw new TemplateError('unclosed action');
}
