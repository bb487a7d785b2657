import { QueryError } from '../query-error.js';
import { sqlLimits } from './limits.js';

const clause = /^(?:select|from|values|join|union|except|intersect|with|pivot|unpivot)$/i;

/** Refuses what DuckDB's parser should not see: one pass over the text, that heeds quotes and comments. */
export function checkText(sql: string): void {
  if (sql.length === 0) throw new QueryError('bad_data', 'there is no statement');
  if (sql.includes('\0')) throw new QueryError('bad_data', 'the statement contains a NUL character');
  if (sql.length > sqlLimits.characters) {
    throw new QueryError('bad_data', `the statement is longer than ${sqlLimits.characters} characters`);
  }
  let depth = 0;
  let clauses = 0;
  /** Depth, and columns so far, of the CUBE that is open. */
  let cube: { depth: number; columns: number } | null = null;
  let word = '';
  for (const { text, kind } of tokens(sql)) {
    if (kind === 'word') {
      if (clause.test(text) && ++clauses > sqlLimits.clauses) {
        throw new QueryError('bad_data', `the statement has more than ${sqlLimits.clauses} clauses`);
      }
    } else if ('([{'.includes(text)) {
      if (++depth > sqlLimits.nesting) {
        throw new QueryError('bad_data', `brackets are nested more than ${sqlLimits.nesting} deep`);
      }
      if (/^cube$/i.test(word)) cube = { depth, columns: 1 };
    } else if (')]}'.includes(text)) {
      if (cube?.depth === depth) cube = null;
      depth--;
    } else if (text === ',' && cube?.depth === depth && ++cube.columns > sqlLimits.cubeColumns) {
      throw new QueryError('bad_data', `CUBE has more than ${sqlLimits.cubeColumns} columns`);
    }
    word = kind === 'word' ? text : '';
  }
}

interface Token {
  readonly text: string;
  readonly kind: 'word' | 'mark';
}

/** Sticky, and linear: each alternative ends at the first place it can. Texts, names and comments give no token. */
const token =
  /\s+|--[^\n]*|\/\*[^]*?(?:\*\/|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|\$([A-Za-z_]\w*)?\$|([A-Za-z_]\w*)|([^])/y;

function* tokens(sql: string): Generator<Token> {
  token.lastIndex = 0;
  for (let at = 0; at < sql.length; at = token.lastIndex) {
    token.lastIndex = at;
    const found = token.exec(sql);
    if (!found) return;
    const [whole, , word, mark] = found;
    if (word !== undefined) yield { text: word, kind: 'word' };
    else if (mark !== undefined) yield { text: mark, kind: 'mark' };
    else if (whole.startsWith('$')) {
      const end = sql.indexOf(whole, at + whole.length);
      token.lastIndex = end < 0 ? sql.length : end + whole.length;
    }
  }
}
