import { literal } from '../../sql/literal.js';
import { extractedSuffix } from '../model/labels.js';
import type { BodyFields, Rows } from '../pipeline/scope.js';
import { isWanted, noLabels, type Hints, type StageDefinition, type StageFn } from '../pipeline/stage.js';
import { formatExtractions, parseExtractions, type Extraction } from './extraction.js';
import { flattenJson, jsonError, startsWith } from './json-line.js';
import { JsonLineError, openObject } from './json-members.js';
import { duckdbPath, parseJsonPath, valueAt } from './json-path.js';

export interface JsonStage {
  readonly kind: 'json';
  readonly fields: readonly Extraction[];
}

/** `| json` and `| json a="b.c[0]"` */
export const json: StageDefinition<JsonStage> = {
  kind: 'json',
  nodes: ['LabelParser json', 'JsonExpressionParser'],
  work: 'parses',
  line: 'read',
  parse: (node) => ({ kind: 'json', fields: parseExtractions(node) }),
  format: ({ fields }) => ['| json', formatExtractions(fields)].filter(Boolean).join(' '),
  reads: noLabels,
  sql: ({ fields }, scope) => scope.parse(new JsonFields(fields)),
  compile: ({ fields }, hints) => (fields.length > 0 ? namedFields(fields) : allFields(hints)),
};

/**
 * The fields of a `json` stage as SQL. All that a query wants of a line are extracted at once, in a column beside
 * the record's own.
 */
class JsonFields implements BodyFields {
  readonly #paths: string[] = [];
  readonly #fields: Map<string, string | undefined> | undefined;

  constructor(extractions: readonly Extraction[]) {
    if (extractions.length === 0) return;
    this.#fields = new Map(extractions.map(({ name, path }) => [name, duckdbPath(parseJsonPath(path))]));
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

  /** What to select from in place of `rows`, for all fields asked for so far. */
  source({ from, all }: Rows): string {
    // Paths are looked for in what begins with a bracket or a quote, an object may have blanks before it.
    const like = this.#fields
      ? `coalesce(left(body, 1) IN ('{', '[', '"'), FALSE)`
      : `coalesce(left(ltrim(body, E' \\t\\r\\n'), 1) = '{', FALSE)`;
    const paths = this.#paths.length > 0 ? this.#paths : ['$'];
    return (
      `(SELECT ${all}, ${like} AS json_like, CASE WHEN json_like AND json_valid(body) THEN body END AS json_body, ` +
      `json_extract(json_body, [${paths.map((path) => literal(path)).join(', ')}]) AS json_fields FROM ${from})`
    );
  }
}

/** Thrown to stop reading a line that has given all that is wanted of it. */
class Enough extends Error {}

/** Thrown by a line that a filter behind refuses. */
class Refused extends Error {}

/** As in Loki, a label of the stream is never found. */
function allFields(hints?: Hints): StageFn {
  return ({ line, labels }) => {
    const needed = hints?.early ? hints.needed : undefined;
    const missing = needed && new Set([...needed].filter((name) => !labels.isSet(name)));
    if (missing?.size === 0) return true;
    if (!startsWith(line, '{')) {
      labels.failAgain(jsonError, openObject);
      return true;
    }
    try {
      flattenJson(line, (name, value) => {
        if (!isWanted(name, labels, hints)) return;
        labels.extract(name, value);
        if (!hints || (!missing && hints.filters.size === 0)) return;
        const key = labels.keyOf(name);
        if (hints.filters.get(key)?.(labels) === false) throw new Refused();
        if (missing?.delete(key) && missing.size === 0) throw new Enough();
      });
    } catch (error) {
      if (error instanceof Enough) return true;
      if (error instanceof Refused) return false;
      if (!(error instanceof JsonLineError)) throw error;
      labels.failAgain(jsonError, error.message);
    }
    return true;
  };
}

/** A member that is in no object. */
const memberAlone = /^"(?:[^"\\]|\\.)*"[ \t\r\n]*:/;

function namedFields(fields: readonly Extraction[]): StageFn {
  const wanted = fields.map(({ name, path }) => ({ name, path: parseJsonPath(path) }));
  return (row) => {
    // As Loki: of an empty line nothing is asked, and what is no JSON has no details.
    if (row.line === '') return true;
    if (!/^[{["]/.test(row.line)) {
      row.labels.failAgain(jsonError, '');
      return true;
    }
    if (memberAlone.test(row.line)) row.labels.failAgain(jsonError, 'Malformed JSON error');
    for (const { name, path } of wanted) {
      let value = '';
      try {
        value = valueAt(row.line, path);
      } catch (error) {
        if (!(error instanceof JsonLineError)) throw error;
        row.labels.failAgain(jsonError, error.message);
      }
      row.labels.name(name, value);
    }
    return true;
  };
}
