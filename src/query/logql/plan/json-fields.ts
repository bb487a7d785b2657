import type { Extraction } from '../syntax/ast.js';
import { parseJsonPath } from '../pipeline/json.js';
import { extractedSuffix } from '../pipeline/labels.js';
import { literal as text } from '../../sql/literal.js';

/**
 * The fields of a `json` stage as SQL. All that a query wants of a line are extracted at once, in a column beside
 * the record's own.
 */
export class JsonFields {
  readonly #paths: string[] = [];
  readonly #fields: Map<string, string | undefined> | undefined;

  constructor(extractions: readonly Extraction[]) {
    if (extractions.length === 0) return;
    this.#fields = new Map(extractions.map(({ name, path }) => [name, jsonPath(parseJsonPath(path))]));
  }

  /**
   * The field that becomes the label of this name, NULL when the line has none: a nullable VARCHAR expression.
   * Undefined: SQL can't tell.
   */
  value(name: string): string | undefined {
    if (this.#fields) {
      if (!this.#fields.has(name)) return name.endsWith(extractedSuffix) ? undefined : 'NULL::VARCHAR';
      const path = this.#fields.get(name);
      if (path === undefined) return undefined;
      // A path that leads nowhere sets an empty label.
      return `CASE WHEN json_body IS NOT NULL THEN coalesce(${this.#column(path)} ->> '$', '') END`;
    }
    // Names with underscores may be nested fields or other spellings, in more ways than can be asked for.
    if (!/^[a-zA-Z][a-zA-Z0-9]*$/.test(name)) return undefined;
    const column = this.#column(`$."${name}"`);
    return `CASE WHEN left(${column}::VARCHAR, 1) NOT IN ('{', '[') THEN ${column} ->> '$' END`;
  }

  #column(path: string): string {
    let at = this.#paths.indexOf(path);
    if (at < 0) at = this.#paths.push(path) - 1;
    return `json_fields[${at + 1}]`;
  }

  /** The line is plainly nothing that the stage takes. */
  get failed(): string {
    return `NOT json_like`;
  }

  /** The line looks like JSON, but is not: only the stage itself, which takes what it can, knows the outcome. */
  get unresolved(): string {
    return `json_like AND json_body IS NULL`;
  }

  /** What to select from in place of `lake.logs`, for all fields asked for so far. */
  source(): string {
    const like = `coalesce(left(ltrim(body, E' \\t\\r\\n'), 1) IN (${this.#fields ? "'{', '['" : "'{'"}), FALSE)`;
    const paths = this.#paths.length > 0 ? this.#paths : ['$'];
    return (
      `(SELECT *, rowid, ${like} AS json_like, CASE WHEN json_like AND json_valid(body) THEN body END AS json_body, ` +
      `json_extract(json_body, [${paths.map(text).join(', ')}]) AS json_fields FROM lake.logs)`
    );
  }
}

/** Undefined for keys that DuckDB's paths can't quote. */
function jsonPath(path: readonly (string | number)[]): string | undefined {
  if (path.some((step) => typeof step === 'string' && /["\\]|^\*?$/.test(step))) return undefined;
  return `$${path.map((step) => (typeof step === 'number' ? `[${step}]` : `."${step}"`)).join('')}`;
}
