/**
 * Texts of which every match of a pattern (RE2 syntax, anywhere in a text) holds one of each list. Whatever is not plainly a
 * text is left out, so there may be fewer than could be found; none where the pattern may match without any.
 */
export function requiredTexts(pattern: string): readonly (readonly string[])[] {
  const reader = new Reader(pattern);
  const found = reader.alternatives();
  return reader.done ? found : [];
}

/** Each holds all of these. */
type Texts = readonly (readonly string[])[];

const nothing: Texts = [];

/** What is held whichever of the alternatives matches: of each the list that tells most. */
export function eitherOf(all: readonly Texts[]): Texts {
  if (all.length === 1) return all[0] ?? nothing;
  const best = all.map((texts) => texts.reduce((a, b) => (weight(b) > weight(a) ? b : a), []));
  return best.every((any) => any.length > 0) ? [best.flat()] : nothing;
}

/** How much a list tells: the shortest of its texts. */
function weight(any: readonly string[]): number {
  return any.length === 0 ? 0 : Math.min(...any.map(({ length }) => length));
}

/** In characters of the pattern; deeper ones are taken for anything. */
const deepest = 50;

class Reader {
  #at = 0;
  #depth = 0;
  readonly #chars: readonly string[];
  readonly #foldsCase: boolean;

  constructor(pattern: string) {
    this.#chars = [...pattern];
    // Wherever the flag is set.
    this.#foldsCase = /\(\?[a-zA-Z]*i/.test(pattern);
  }

  get done(): boolean {
    return this.#at >= this.#chars.length;
  }

  /** Up to the end or a closing parenthesis. */
  alternatives(): Texts {
    const all = [this.#sequence()];
    while (this.#chars[this.#at] === '|') {
      this.#at++;
      all.push(this.#sequence());
    }
    return eitherOf(all);
  }

  #sequence(): Texts {
    const texts: (readonly string[])[] = [];
    let literal = '';
    const flush = () => {
      if (literal !== '') texts.push([literal]);
      literal = '';
    };
    while (!this.done && this.#chars[this.#at] !== '|' && this.#chars[this.#at] !== ')') {
      const atom = this.#atom();
      const least = this.#repeats();
      if (typeof atom === 'string' && least === null) {
        literal += atom;
        continue;
      }
      if (least === 0) {
        flush();
        continue;
      }
      if (typeof atom === 'string') literal += atom;
      flush();
      if (typeof atom !== 'string') texts.push(...atom);
    }
    flush();
    return texts;
  }

  /** A character, or what the atom holds besides. */
  #atom(): string | Texts {
    const char = this.#chars[this.#at++] ?? '';
    if (char === '(') return this.#group();
    if (char === '[') return this.#class();
    if (char === '\\') return this.#escape();
    if (char === '.' || char === '^' || char === '$') return nothing;
    return this.#plain(char);
  }

  /** Letters beside ASCII have other forms when case does not count. */
  #plain(char: string): string | Texts {
    return this.#foldsCase && char > '\x7f' ? nothing : char;
  }

  #group(): Texts {
    const head = /^\?(?:P?<[^>]*>|[a-zA-Z-]*:|[a-zA-Z-]*(?=\)))/.exec(this.#rest(200));
    if (head) this.#at += head[0].length;
    if (++this.#depth > deepest) {
      this.#at = this.#chars.length;
      return nothing;
    }
    const inner = this.alternatives();
    this.#depth--;
    this.#at++;
    return inner;
  }

  #class(): Texts {
    if (this.#chars[this.#at] === '^') this.#at++;
    // Right at the beginning it is a member.
    if (this.#chars[this.#at] === ']') this.#at++;
    while (!this.done && this.#chars[this.#at] !== ']') {
      const named = /^\[:\^?[a-z]+:\]/.exec(this.#rest(20));
      if (named) this.#at += named[0].length;
      else this.#at += this.#chars[this.#at] === '\\' ? 2 : 1;
    }
    this.#at++;
    return nothing;
  }

  #escape(): string | Texts {
    const char = this.#chars[this.#at++] ?? '';
    if (char === 'Q') return this.#quoted();
    if (/[^a-zA-Z0-9]/.test(char)) return this.#plain(char);
    const more = { p: /^(?:\{[^}]*\}|.)/, P: /^(?:\{[^}]*\}|.)/, x: /^(?:\{[^}]*\}|..)/ };
    const rest = char === 'p' || char === 'P' || char === 'x' ? more[char].exec(this.#rest(100)) : null;
    if (rest) this.#at += rest[0].length;
    else if (/[0-9]/.test(char)) this.#at += /^[0-7]{0,2}/.exec(this.#rest(2))?.[0].length ?? 0;
    return nothing;
  }

  #quoted(): Texts {
    let text = '';
    while (!this.done && !(this.#chars[this.#at] === '\\' && this.#chars[this.#at + 1] === 'E')) {
      text += this.#chars[this.#at++] ?? '';
    }
    this.#at += 2;
    // What follows repeats its last character alone.
    const sure = text.slice(0, -1);
    return sure === '' || (this.#foldsCase && /[^\0-\x7f]/.test(sure)) ? nothing : [[sure]];
  }

  /** How often the atom is there at least; null: it stands alone. */
  #repeats(): number | null {
    const found = /^(?:[*+?]|\{(\d+)(?:,\d*)?\})\??/.exec(this.#rest(30));
    if (!found) return null;
    this.#at += found[0].length;
    if (found[1] !== undefined) return Number(found[1]);
    return found[0].startsWith('+') ? 1 : 0;
  }

  #rest(length: number): string {
    return this.#chars.slice(this.#at, this.#at + length).join('');
  }
}
