import type { Word } from './words.js';

/**
 * The first word that can't stand where it is in a duration expression, of words behind an opening bracket; undefined where
 * all can. The grammar library blames the whole of `min_of(1,)`.
 */
export function wrongWord(words: readonly Word[]): Word | undefined {
  const found = new DurationWords(words).expression();
  return found === 'end' ? undefined : found;
}

type Outcome = Word | 'end' | undefined;

class DurationWords {
  #at = 0;

  constructor(private readonly words: readonly Word[]) {}

  /** Undefined when all went well; what is behind is not looked at. */
  expression(): Outcome {
    for (;;) {
      const wrong = this.#operand();
      if (wrong) return wrong;
      const { text = '' } = this.#next ?? {};
      if (!/^[-+*/%^]$/.test(text)) return undefined;
      this.#at++;
    }
  }

  get #next(): Word | undefined {
    return this.words[this.#at];
  }

  #operand(): Outcome {
    while (/^[-+]$/.test(this.#next?.text ?? '')) this.#at++;
    const word = this.#next;
    if (!word) return 'end';
    if (word.kind === 'number' || word.kind === 'duration') {
      this.#at++;
      return undefined;
    }
    if (/^(min_of|max_of)$/i.test(word.text)) {
      this.#at++;
      return this.#sign('(') ?? this.expression() ?? this.#sign(',') ?? this.expression() ?? this.#sign(')');
    }
    if (/^(step|range)$/i.test(word.text)) {
      this.#at++;
      return this.#sign('(') ?? this.#sign(')');
    }
    return this.#sign('(') ?? this.expression() ?? this.#sign(')');
  }

  #sign(text: string): Outcome {
    const word = this.#next;
    if (!word) return 'end';
    if (word.text !== text) return word;
    this.#at++;
    return undefined;
  }
}
