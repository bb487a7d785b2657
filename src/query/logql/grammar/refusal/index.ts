import { QueryError } from '../../../../lake/query-error.js';
import { Automaton, type Rule } from '../../../grammar/index.js';
import { grammar } from './rules.js';
import { WordError, Words } from './words.js';

/** How long the first word of a text is that Loki's parser takes. */
export function firstWordLength(text: string): number {
  const words = new Words(text);
  words.next();
  return words.read;
}

let automaton: Automaton<Rule> | undefined;

/** Why Loki's parser refuses a query, in its words and with its position; undefined where it does not. */
export function refusal(query: string): QueryError | undefined {
  const words = new Words(query);
  const at = (message: string) =>
    new QueryError(
      'bad_data',
      query === ''
        ? `parse error : ${message}`
        : `parse error at line ${words.line}, col ${words.column}: ${message}`,
    );
  try {
    automaton ??= new Automaton(grammar);
    automaton.parse<undefined>({
      next: () => ({ terminal: words.next(), value: undefined }),
      reduce: () => undefined,
      refuse(terminal, expected) {
        const wanted = expected.length > 0 ? `, expecting ${expected.join(' or ')}` : '';
        throw new WordError(`syntax error: unexpected ${terminal}${wanted}`);
      },
    });
    return undefined;
  } catch (error) {
    if (error instanceof WordError) return at(error.message);
    throw error;
  }
}
