import { Labels } from '../../series/labels.js';

/** Where a label of a row comes from; Grafana shows them apart. */
export type Category = 'stream' | 'metadata' | 'parsed';

/** Names that stand for another label where a row has none of that name itself. */
export const aliases: ReadonlyMap<string, string> = new Map([
  ['level', 'detected_level'],
  ['deployment_environment', 'deployment_environment_name'],
]);

/** Of names beside each other each is itself alone. */
export function isBesideItsAlias(name: string, names: readonly string[]): boolean {
  const alias = aliases.get(name);
  return alias !== undefined && names.includes(alias);
}

/**
 * What LogQL appends to a label whose name a stream label or structured metadata has already. Attributes follow the
 * same rule for stream labels, so that a filter on one reads its column only.
 */
export const extractedSuffix = '_extracted';

export const errorLabel = '__error__';
export const errorDetailsLabel = '__error_details__';
/** The pipeline's own labels, which no attribute of a record is. */
export const pipelineLabels: ReadonlySet<string> = new Set([errorLabel, errorDetailsLabel]);

/** The labels of one row while it passes the pipeline. */
export class RowLabels {
  readonly #parsed = new Map<string, string>();
  readonly #removed = new Set<string>();
  /** Of labels that were renamed: what they were before. */
  readonly #renamed = new Map<string, Category>();
  /** What stages have set, `_extracted` names among them. */
  readonly #set = new Set<string>();

  constructor(
    readonly stream: ReadonlyMap<string, string>,
    readonly metadata: ReadonlyMap<string, string>,
  ) {}

  /** The value, or undefined when the row has no such label. */
  get(name: string): string | undefined {
    const own = this.own(name);
    if (own !== undefined) return own;
    const alias = aliases.get(name);
    return alias === undefined || this.#removed.has(name) ? undefined : this.own(alias);
  }

  /** As `get`, but not what the name stands for. */
  own(name: string): string | undefined {
    const parsed = this.#parsed.get(name);
    if (parsed !== undefined || this.#removed.has(name)) return parsed;
    return this.metadata.get(name) ?? this.stream.get(name);
  }

  /** Whether the row has a label of this very name, not one that the name stands for. */
  has(name: string): boolean {
    return this.own(name) !== undefined;
  }

  /**
   * Sets a label that a parser found, unless a stage before has set one of its name. A stream label of its name,
   * and structured metadata that was not dropped, stay, and the new one is `_extracted`. It is a label even when it is empty.
   */
  extract(name: string, value: string): void {
    const key = this.keyOf(name);
    if (!this.#set.has(key)) this.#found(name, key, value);
  }

  /** The name that a label of a parser gets. */
  keyOf(name: string): string {
    return this.isTaken(name) ? `${name}${extractedSuffix}` : name;
  }

  /** Sets a label that the query names for a parser. */
  name(name: string, value: string): void {
    this.#found(name, this.keyOf(name), value);
  }

  #found(name: string, key: string, value: string): void {
    if (key !== name && this.#inMetadata(key)) return;
    this.#parsed.set(key, value);
    this.#set.add(key);
  }

  /** Whether a stage has set it, be it gone since. */
  isSet(name: string): boolean {
    return this.#set.has(name);
  }

  /** Whether it is structured metadata that was not dropped, or what a stage has set. */
  isFound(name: string): boolean {
    return this.#set.has(name) || this.#inMetadata(name);
  }

  #inMetadata(name: string): boolean {
    return this.#renamed.get(name) === 'metadata' || (this.metadata.has(name) && !this.#removed.has(name));
  }

  /** Whether what a parser finds under this name is `_extracted`. */
  isTaken(name: string): boolean {
    return this.stream.has(name) || this.#inMetadata(name);
  }

  set(name: string, value: string): void {
    this.#removed.add(name);
    this.#set.add(name);
    this.#parsed.set(name, value);
    this.#renamed.delete(name);
  }

  /** The label stays what it is: one of the stream, structured metadata or parsed. Nothing where there is none. */
  rename(from: string, to: string): void {
    const value = this.get(from);
    if (value === undefined) return;
    const category = this.#category(from);
    this.set(to, value);
    if (category !== 'parsed') this.#renamed.set(to, category);
    this.delete(from);
  }

  #category(name: string): Category {
    const of = this.has(name) ? name : (aliases.get(name) ?? name);
    if (this.#parsed.has(of)) return this.#renamed.get(of) ?? 'parsed';
    return this.metadata.has(of) ? 'metadata' : 'stream';
  }

  delete(name: string): void {
    this.#parsed.delete(name);
    this.#removed.add(name);
    this.#renamed.delete(name);
  }

  /** As they are now, whatever becomes of these. */
  copy(): RowLabels {
    const copy = new RowLabels(this.stream, this.metadata);
    this.#parsed.forEach((value, name) => copy.#parsed.set(name, value));
    this.#removed.forEach((name) => copy.#removed.add(name));
    return copy;
  }

  get error(): string | undefined {
    return this.get(errorLabel);
  }

  /** An error before is kept, as what stages look at may only follow from it. */
  fail(error: string, details: string): void {
    if (!this.#parsed.has(errorLabel)) this.failAgain(error, details);
  }

  /** It takes the place of an error before, and its details of those before where it has some. */
  failAgain(error: string, details: string): void {
    this.#parsed.set(errorLabel, error);
    if (details !== '') this.#parsed.set(errorDetailsLabel, details);
  }

  /** Every label but those of these names. */
  toLabels(except: ReadonlySet<string>): Labels {
    const entries: [string, string][] = [];
    const add = (value: string, name: string) => {
      if (!except.has(name)) entries.push([name, value]);
    };
    const addOwn = (value: string, name: string) => {
      if (!this.#removed.has(name)) add(value, name);
    };
    this.stream.forEach(addOwn);
    this.metadata.forEach(addOwn);
    this.#parsed.forEach(add);
    return Labels.withEmpty(entries);
  }

  /** Every label, in no particular order. */
  *entries(): Iterable<[name: string, value: string, category: Category]> {
    for (const [name, value] of this.stream) if (!this.#removed.has(name)) yield [name, value, 'stream'];
    for (const [name, value] of this.metadata) {
      if (!this.#removed.has(name)) yield [name, value, 'metadata'];
    }
    for (const [name, value] of this.#parsed) yield [name, value, this.#renamed.get(name) ?? 'parsed'];
  }
}
