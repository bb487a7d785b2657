import { syntaxError } from './errors.js';
import { tokenize } from './lexer.js';
import { unexpected, type Token } from './token.js';
import type { QueryError } from '../../../lake/query-error.js';

const maxNesting = 100;

/** Walks the tokens of one query. */
export class Cursor {
  readonly #tokens: readonly Token[];
  #index = 0;
  #nesting = 0;

  constructor(readonly text: string) {
    this.#tokens = tokenize(text);
  }

  get token(): Token {
    return this.peek(0);
  }

  get done(): boolean {
    return this.token.type === 'end';
  }

  get index(): number {
    return this.#index;
  }

  peek(ahead: number): Token {
    const at = Math.min(this.#index + ahead, this.#tokens.length - 1);
    return this.#tokens[at] as Token;
  }

  reset(index: number): void {
    this.#index = index;
  }

  next(): Token {
    const token = this.token;
    this.#index++;
    return token;
  }

  /** Whether the next token is this operator or keyword; strings never are. */
  at(text: string): boolean {
    const { type } = this.token;
    return (type === 'operator' || type === 'word') && this.token.text === text;
  }

  take(text: string): boolean {
    if (!this.at(text)) return false;
    this.#index++;
    return true;
  }

  /** `alternatives`: what could stand here as well; empty where that is too much for Tempo to tell. */
  expect(text: string, alternatives = text): void {
    if (!this.take(text)) throw this.unexpected(alternatives);
  }

  nested<T>(parse: () => T): T {
    if (++this.#nesting > maxNesting) throw this.fail(`more than ${maxNesting} levels of nesting`);
    const result = parse();
    this.#nesting--;
    return result;
  }

  /** In the words of Tempo's parser, which tells what it expects where that is no more than four things. */
  unexpected(expected = '', token = this.token): QueryError {
    return this.fail(unexpected(token, expected), token.at);
  }

  fail(message: string, at = this.token.at): QueryError {
    return syntaxError(this.text, at, message);
  }
}
