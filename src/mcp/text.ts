/** Characters of one tool's answer: some thousand tokens. */
const maxAnswerLength = 24_000;

/** Lines of an answer up to its bound; what does not fit is counted. */
export class AnswerText {
  #length = 0;
  #left = 0;
  readonly #lines: string[] = [];

  /** False when there was no room for it. */
  add(line: string): boolean {
    if (this.#left > 0 || this.#length + line.length + 1 > maxAnswerLength) {
      this.#left++;
      return false;
    }
    this.#lines.push(line);
    this.#length += line.length + 1;
    return true;
  }

  /** `narrow` says how to get less. */
  finish(narrow: string): string {
    if (this.#left > 0) this.#lines.push(`… ${this.#left} more lines do not fit; ${narrow}`);
    return this.#lines.join('\n');
  }
}

/** One line of at most `length` characters. */
export function oneLine(text: string, length: number): string {
  const flat = text.replace(/\s*\n\s*/g, ' ⏎ ');
  return flat.length > length ? `${flat.slice(0, length)}… (${flat.length} characters)` : flat;
}

export function duration(milliseconds: number): string {
  if (milliseconds >= 60_000) return `${(milliseconds / 60_000).toFixed(1)} min`;
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(2)} s`;
  if (milliseconds >= 1) return `${milliseconds.toFixed(1)} ms`;
  return `${(milliseconds * 1000).toFixed(0)} µs`;
}

export function figure(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : String(value);
}

/** `{a="b", c="d"}`. */
export function labelText(labels: readonly (readonly [string, string])[]): string {
  return `{${labels.map(([name, value]) => `${name}=${JSON.stringify(oneLine(value, 200))}`).join(', ')}}`;
}

export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
