import { or } from '../../sql/fragment.js';
import { firstOf, nothing, type AttributeKeys } from '../model/attributes.js';
import { aliases, errorDetailsLabel, errorLabel } from '../model/labels.js';
import { always, attributeTexts, labelSql, ownSql } from '../model/names.js';
import type { Condition } from './condition.js';

/** What a label name means at some place of a pipeline. */
export interface Meaning {
  /** Nullable VARCHAR expression of the label of the record itself. */
  readonly sql: string;
  /** Where this one is NULL, a parser may have set the label; undefined when none can. */
  readonly unlessLineHasIt?: string;
  /** The value may be a number that SQL writes in another way than the line does (1.50, 1e3). */
  readonly rewritten?: boolean;
  /** Columns of JSON text, in one of which the value is. */
  readonly texts?: readonly string[] | undefined;
}

/** What records are selected from, and all columns of it. */
export type Rows = Pick<AttributeKeys, 'from' | 'all'>;

/** `itself`: not what the name stands for. */
export type NameForm = 'itself' | 'any';

/** The fields that a parser finds in the body, as SQL. */
export interface BodyFields {
  /** The field that becomes the label of this name: a nullable VARCHAR expression. Undefined: SQL can't tell. */
  value(name: string): string | undefined;
  /** The body is plainly nothing that the parser takes. */
  readonly failed: string;
  /** The outcome for this body only the parser itself knows. */
  readonly unresolved: string;
  /** What to select from in place of `rows`, for all fields asked for so far. */
  source(rows: Rows): string;
}

/** A pipeline as SQL, as far as it can be. */
export interface PipelineSql {
  /** Hold for at least every record that the pipeline keeps. */
  readonly conditions: readonly string[];
  /** The conditions keep no other record, and the line at the end is the body. */
  readonly exact: boolean;
  /** Conditions under which a kept record carries `__error__`. */
  readonly errors: readonly string[];
  /** A stage may mark records with an error of which no condition tells. */
  readonly failsUnseen: boolean;
  /** What a label means after the pipeline; undefined when SQL can't tell. */
  readonly meaning: (name: string, form?: NameForm) => string | undefined;
  /** Rows of which only the pipeline itself can tell the outcome, although the rest is exact. */
  readonly unresolved: string | undefined;
  /** What to select from, once every meaning has been asked for. */
  readonly source: () => string;
}

/** Follows a pipeline stage by stage: which records are left, and which names still mean what the record says. */
export class Scope {
  readonly #conditions: string[] = [];
  readonly #errors: string[] = [];
  #exact = true;
  #lineIsBody = true;
  /** What the first parser finds, where SQL can tell. */
  #fields: BodyFields | undefined;
  /** A parser has run whose fields SQL can't tell. */
  #parsed = false;
  /** A stage may have failed in a way that `#errors` does not know. */
  #mayFail = false;
  #failsUnseen = false;
  /** Names that a stage has set: to another expression, or (undefined) to what SQL can't tell. */
  readonly #assigned = new Map<string, string | undefined>();
  /** Set by `keep`: all other names are gone. */
  #kept: ReadonlySet<string> | undefined;

  constructor(private readonly keys: AttributeKeys) {}

  get lineIsBody(): boolean {
    return this.#lineIsBody;
  }

  /** What a name means here; undefined when SQL can't tell. */
  meaning(name: string, form: NameForm = 'any'): Meaning | undefined {
    if (name === errorLabel || name === errorDetailsLabel)
      return this.#mayFail || this.#errors.length > 0 ? undefined : { sql: nothing };
    if (this.#assigned.has(name)) {
      const sql = this.#assigned.get(name);
      return sql === undefined ? undefined : this.#fixed(sql);
    }
    if (this.#kept && !this.#kept.has(name)) return this.#fixed(nothing);
    const alias = form === 'any' ? aliases.get(name) : undefined;
    if (alias !== undefined && (this.#assigned.has(alias) || this.#kept)) return undefined;
    const sql = form === 'any' ? labelSql(name, this.keys) : ownSql(name, this.keys);
    const texts = attributeTexts(name, this.keys);
    if (always.has(name) || !this.#anyParser) return { sql, texts };
    // A parsed label of this name goes before the label that the name stands for, but not before the record's own.
    const own = ownSql(name, this.keys);
    const field = this.#parsed ? undefined : this.#fields?.value(name);
    if (field === undefined) return { sql, unlessLineHasIt: own, texts };
    const stands = alias === undefined ? [] : [ownSql(alias, this.keys)];
    return { sql: firstOf([own, field, ...stands]), rewritten: true };
  }

  get #anyParser(): boolean {
    return this.#parsed || this.#fields !== undefined;
  }

  #fixed(sql: string): Meaning {
    return this.#anyParser ? { sql, unlessLineHasIt: sql } : { sql };
  }

  /** Only records for which the condition holds go on. */
  filter({ sql, exact, errors }: Condition): void {
    if (sql !== 'TRUE') this.#keep(sql);
    this.#exact &&= exact;
    this.#errors.push(...errors);
    this.#mayFail ||= !exact;
  }

  #keep(sql: string): void {
    this.#conditions.push(this.#fields ? or([sql, this.#fields.unresolved]) : sql);
  }

  /** Only records without an error, or only those with one, go on; false when SQL does not know them. */
  filterErrors(wanted: 'none' | 'some'): boolean {
    if (this.#mayFail) return false;
    const failed = `coalesce(${or(this.#errors)}, FALSE)`;
    this.#keep(wanted === 'none' ? `NOT ${failed}` : failed);
    if (wanted === 'none') this.dropErrors();
    return true;
  }

  /** Records with an error go on without it. */
  dropErrors(): void {
    this.#errors.length = 0;
  }

  /** The stage decides by what SQL does not look at. */
  leaveToPipeline(): void {
    this.#exact = false;
  }

  /** The stage may mark records with an error that SQL does not know. */
  mayFail(): void {
    this.#mayFail = true;
  }

  /** It may even where all else is told by SQL. */
  failUnseen(): void {
    this.#mayFail = this.#failsUnseen = true;
  }

  /** The line is another one than the body from here on. */
  changeLine(): void {
    this.#lineIsBody = false;
  }

  /** A parser reads the line; `fields`: what it finds, if the line is the body and it is the first one. */
  parse(fields?: BodyFields): void {
    if (fields && this.#lineIsBody && !this.#anyParser) {
      this.#fields = fields;
      this.#errors.push(fields.failed);
    } else {
      this.#parsed = true;
      this.#mayFail = true;
    }
  }

  /** The name is another expression from here on, or (undefined) what SQL can't tell. */
  assign(name: string, sql: string | undefined): void {
    this.#assigned.set(name, sql);
  }

  remove(name: string): void {
    this.assign(name, nothing);
  }

  /** All other names are gone. */
  keepOnly(names: readonly string[]): void {
    for (const name of this.#assigned.keys()) if (!names.includes(name)) this.remove(name);
    const before = this.#kept;
    this.#kept = new Set(names.filter((name) => before?.has(name) ?? true));
  }

  /** The whole pipeline, once all stages have passed. */
  end(): PipelineSql {
    const fields = this.#fields;
    return {
      conditions: this.#conditions,
      exact: this.#exact && this.#lineIsBody,
      errors: this.#errors,
      failsUnseen: this.#failsUnseen,
      meaning: (name, form) => {
        const found = this.meaning(name, form);
        return found && found.unlessLineHasIt === undefined ? found.sql : undefined;
      },
      unresolved: fields?.unresolved,
      source: () => fields?.source(this.keys) ?? this.keys.from,
    };
  }
}
