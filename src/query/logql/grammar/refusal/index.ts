import { QueryError } from '../../../../lake/query-error.js';
import { Automaton, end, type Rule } from '../../../grammar/index.js';
import { grammar } from './rules.js';
import { WordError, Words } from './words.js';

/** A word of a query: which it is to Loki, and where. */
interface Word {
  readonly terminal: string;
  readonly from: number;
  readonly to: number;
}

/** The words of a query that is not refused, and its end as the last one. What is between them are blanks and comments. */
export function* wordsOf(query: string): Generator<Word> {
  const words = new Words(query);
  for (;;) {
    const terminal = words.next();
    yield { terminal, from: words.from, to: words.read };
    if (terminal === end) return;
  }
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
