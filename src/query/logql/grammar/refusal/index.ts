import { QueryError } from '../../../../lake/query-error.js';
import { Automaton } from './automaton.js';
import { grammar } from './rules.js';
import { WordError, Words } from './words.js';

let automaton: Automaton | undefined;

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
    const refused = automaton.refused(() => words.next());
    if (!refused) return undefined;
    const { terminal, expected } = refused;
    return at(
      `syntax error: unexpected ${terminal}${expected.length > 0 ? `, expecting ${expected.join(' or ')}` : ''}`,
    );
  } catch (error) {
    if (error instanceof WordError) return at(error.message);
    throw error;
  }
}
