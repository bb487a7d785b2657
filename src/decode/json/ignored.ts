import type { MessageSpec } from './schema.js';

const mostNames = 5;

/** Fields of a request that stand for nothing in OTLP's JSON encoding, where that is likely a mistake. */
export class IgnoredFields {
  /** Where the first of each misnamed field is, and its right name. */
  readonly #misnamed = new Map<string, { path: string; right: string }>();
  #foreign: string | null = null;

  /** `spec` has no field `name`. `path` leads to the message. */
  unknown(spec: MessageSpec, name: string, path: () => string): void {
    if (!name.includes('_') || this.#misnamed.has(name) || this.#misnamed.size >= mostNames) return;
    const right = name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    if (Object.hasOwn(spec, right)) this.#misnamed.set(name, { path: path(), right });
  }

  /** The request has fields, of which none is one of `spec`. */
  foreign(spec: MessageSpec, name: string): void {
    const known = Object.keys(spec).join(', ');
    this.#foreign = `the request holds nothing that is stored here: it has the field ${JSON.stringify(name.slice(0, 100))}, not ${known}`;
  }

  /** For client and operator; '' when there is nothing to say. */
  warning(): string {
    if (this.#misnamed.size === 0) return this.#foreign ?? '';
    const fields = [...this.#misnamed].map(
      ([name, { path, right }]) => `${path === '' ? '' : `${path}.`}${name} (its name is ${right})`,
    );
    return `ignored: ${fields.join(', ')}; OTLP's JSON encoding has names in lowerCamelCase only`;
  }
}
