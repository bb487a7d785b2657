import type { PartialParse, Tree } from '@lezer/common';
import { QueryError } from '../../lake/query-error.js';
import { countOperators } from './shape.js';

/** What turns a word into a keyword; negative for any other word. */
type Specializer = (word: string, stack: unknown) => number;

interface GrammarParser {
  startParse(input: string): PartialParse;
  configure(config: object): GrammarParser;
}

/**
 * A grammar that takes the names of what every JavaScript object has (`constructor`, `__proto__`) for the plain names
 * that they are: the libraries look keywords up in plain objects.
 */
export function withPlainNames(parser: GrammarParser): GrammarParser {
  const copy = parser.configure({}) as GrammarParser & { specializers: readonly Specializer[] };
  copy.specializers = copy.specializers.map(
    (specializer): Specializer =>
      (word, stack) =>
        word.toLowerCase() in Object.prototype || word in Object.prototype ? -1 : specializer(word, stack),
  );
  return copy;
}

/** A parse in progress: the tables of what is read and not yet put together, one for each way to read it. */
interface Tables {
  readonly stacks: readonly { readonly stack: readonly number[] }[];
  /** Above 0 behind a fault, until the parser is in step again. */
  readonly recovering: number;
  /** How often in a row long text that begins at one place was put together, as chains are. */
  readonly bigReductionCount: number;
}

/** So many characters are read behind the first fault: each word there costs the library about a thousand times as much. */
const behindFault = 100;

/** The library throws away what is in a table of 8,400 entries, and then reports a fault where there is none. */
const room = 8200;
/** It also drops out of a chain that was put together more often than this. */
const mostReductions = 300;

/**
 * The syntax tree of a query up to a little behind the first fault. A chain of operators or stages that is longer than
 * the grammar can hold is refused. Throws QueryError `bad_data`.
 */
export function parseTree(parser: GrammarParser, source: string): Tree {
  const parse = parser.startParse(source) as PartialParse & Tables;
  for (;;) {
    const tree = parse.advance();
    if (tree) return tree;
    if (parse.recovering > 0 && parse.stoppedAt === null) {
      parse.stopAt(Math.min(source.length, parse.parsedPos + behindFault));
    }
    const full = parse.stacks.every(({ stack }) => stack.length >= room);
    const chained = parse.stacks.length === 1 && parse.bigReductionCount > mostReductions;
    if (!full && !chained) continue;
    const count = countOperators(source.slice(0, parse.parsedPos));
    throw new QueryError(
      'bad_data',
      `the query is too long a chain: more than ${count} operators or stages one after the other, as there are up to ` +
        `character ${parse.parsedPos}, can't be read; group them with parentheses or split the query`,
    );
  }
}
