import { QueryError } from '../query-error.js';
import {
  joining,
  lengthArgument,
  listGenerators,
  patternFunctions,
  refusedFunctions,
  refusedPrefixes,
  replacing,
  systemViews,
  tableFunctions,
} from './functions.js';
import { sqlLimits } from './limits.js';

type Fields = Readonly<Record<string, unknown>>;

/** Checks DuckDB's serialised syntax tree of a SELECT; throws QueryError 'bad_data' that names what is refused. */
export function checkTree(root: unknown): void {
  new TreeCheck().query(root);
}

class TreeCheck {
  #expressions = 0;
  #joins = 0;
  #setOperations = 0;
  #ctes = 0;
  #depth = 0;
  #growth = 1;
  /** Joins whose whole chain was counted. */
  readonly #counted = new WeakSet<Fields>();
  /** Names of WITH queries and how many tables each stands for; a later one of the same name hides an earlier. */
  readonly #withQueries = new Map<string, number>();
  readonly #withWidths = new Map<string, number>();
  readonly #widths = new WeakMap<Fields, number>();

  query(root: unknown): void {
    const tables = this.#visit(root, false);
    over('reads more tables (each WITH query as often as it is named)', tables, sqlLimits.tables);
    over('makes texts or lists longer', this.#growth, sqlLimits.growth);
  }

  /** Gives the number of tables that are read below. */
  #visit(node: unknown, asTable: boolean): number {
    const select = isType(node, 'SELECT_NODE');
    if (select) over('nests queries deeper', ++this.#depth, sqlLimits.depth);
    const growth = this.#growth;
    const tables = this.#parts(node, asTable);
    if (isType(node, 'RECURSIVE_CTE_NODE') && this.#growth > growth) {
      throw new QueryError('bad_data', 'a recursive query must not make texts or lists longer');
    }
    if (select) {
      this.#depth--;
      over('has stars for the columns of more tables', this.#width(node), sqlLimits.stars);
    }
    return tables;
  }

  /** How many tables' worth of columns a FROM clause or query gives. */
  #width(node: unknown): number {
    if (typeof node !== 'object' || node === null) return 0;
    const fields = node as Fields;
    const known = this.#widths.get(fields);
    if (known !== undefined) return known;
    const width = this.#widthOf(fields);
    this.#widths.set(fields, width);
    return width;
  }

  #widthOf(fields: Fields): number {
    switch (fields['type']) {
      case 'SELECT_NODE': {
        const stars = (fields['select_list'] as readonly unknown[]).filter((item) =>
          isType(item, 'STAR'),
        ).length;
        return Math.max(1, stars * this.#width(fields['from_table']));
      }
      case 'SET_OPERATION_NODE':
      case 'RECURSIVE_CTE_NODE':
        return Math.max(1, this.#width(fields['left']));
      case 'JOIN':
        return this.#width(fields['left']) + this.#width(fields['right']);
      case 'SUBQUERY':
        return this.#width((fields['subquery'] as Fields | undefined)?.['node']);
      case 'BASE_TABLE':
        return this.#withWidths.get(textOf(fields['table_name']).toLowerCase()) ?? 1;
      default:
        return 1;
    }
  }

  #parts(node: unknown, asTable: boolean): number {
    if (Array.isArray(node)) return node.reduce<number>((sum, child) => sum + this.#visit(child, false), 0);
    if (typeof node !== 'object' || node === null) return 0;
    const fields = node as Fields;
    let tables = 0;
    if ('cte_map' in fields) tables += this.#with(fields['cte_map']);
    if (typeof fields['class'] === 'string')
      over('has more expressions', ++this.#expressions, sqlLimits.expressions);
    this.#kind(fields);
    if (typeof fields['function_name'] === 'string') this.#function(fields, asTable);
    if (fields['type'] === 'BASE_TABLE') tables += this.#table(fields);
    for (const [key, child] of Object.entries(fields)) {
      if (key === 'cte_map') continue;
      tables += this.#visit(child, fields['type'] === 'TABLE_FUNCTION' && key === 'function');
      // Doubling at each level would pass every number before the end.
      over('reads more tables (each WITH query as often as it is named)', tables, sqlLimits.tables);
    }
    return tables;
  }

  #kind(fields: Fields): void {
    const { type, select_list: columns, group_sets: sets, cast_type: cast } = fields;
    if (type === 'SHOW_REF' && /databases/i.test(textOf(fields['table_name']))) {
      throw new QueryError('bad_data', 'SHOW DATABASES is not allowed here: only the lake can be read');
    }
    if (type === 'JOIN') over('has more joins', ++this.#joins, sqlLimits.joins);
    if (type === 'SET_OPERATION_NODE')
      over('has more UNION, EXCEPT and INTERSECT', ++this.#setOperations, sqlLimits.setOperations);
    if (Array.isArray(columns)) over('has more columns', columns.length, sqlLimits.columns);
    if (Array.isArray(sets)) over('has more grouping sets', sets.length, sqlLimits.groupingSets);
    if (typeof cast === 'object' && cast !== null) refuseLargeArrays(cast as Fields);
  }

  /** WITH queries count when they are named; each is checked here once, in the order in which they can see each other. */
  #with(map: unknown): number {
    const entries = (map as { map?: readonly { key: unknown; value: unknown }[] }).map ?? [];
    for (const { key, value } of entries) {
      over('has more WITH queries', ++this.#ctes, sqlLimits.ctes);
      const name = String(key).toLowerCase();
      // A recursive one names itself.
      this.#withQueries.set(name, 1);
      this.#withQueries.set(name, Math.max(1, this.#visit(value, false)));
      this.#withWidths.set(name, this.#width(((value as Fields)['query'] as Fields | undefined)?.['node']));
    }
    return 0;
  }

  #table(fields: Fields): number {
    const [catalog, schema, table] = ['catalog_name', 'schema_name', 'table_name'].map((key) =>
      textOf(fields[key]),
    );
    const [inCatalog, inSchema, name] = [catalog, schema, table].map((part) => (part ?? '').toLowerCase());
    const shown = [catalog, schema, table].filter((part) => part !== '').join('.');
    if (/[/\\*?[\]:]|\.\w+$/.test(name ?? '')) {
      throw new QueryError('bad_data', `${shown} is a file, only tables can be read`);
    }
    if (inCatalog === '' && inSchema === '') {
      const known = this.#withQueries.get(name ?? '');
      if (known !== undefined) return known;
      if (/^(?:duckdb_|pg_|pragma_|sqlite_|ducklake_)/.test(name ?? '') && !systemViews.has(name ?? '')) {
        throw new QueryError('bad_data', `${shown} is no table of the lake`);
      }
      return 1;
    }
    const ofLake =
      (inCatalog === '' && ['lake', 'main', 'information_schema'].includes(inSchema ?? '')) ||
      (inCatalog === 'lake' && inSchema === 'main');
    if (!ofLake) throw new QueryError('bad_data', `${shown} is not of the lake: only lake.main can be read`);
    return 1;
  }

  /** How many values, other than constants, a chain of joins puts together; 1 for what belongs to a chain that was counted. */
  #joined(chain: Fields): number {
    if (this.#counted.has(chain)) return 1;
    const parts = (node: Fields): number => {
      this.#counted.add(node);
      return ((node['children'] ?? []) as readonly unknown[]).reduce<number>(
        (sum, child) => sum + (isJoin(child) ? parts(child) : constant(child) === undefined ? 1 : 0),
        0,
      );
    };
    return parts(chain);
  }

  #function(fields: Fields, asTable: boolean): void {
    const name = String(fields['function_name']).toLowerCase();
    const schema = textOf(fields['schema']).toLowerCase();
    const refused = asTable
      ? !tableFunctions.has(name)
      : refusedFunctions.has(name) || refusedPrefixes.test(name);
    if (refused || !['', 'main', 'lake'].includes(schema)) {
      throw new QueryError('bad_data', `the function ${name} is not allowed here`);
    }
    const args = (fields['children'] ?? []) as readonly unknown[];
    if (name === 'pragma_table_info') refuseOtherTable(text(args[0]));
    if (asTable) return;
    if (patternFunctions.has(name)) checkPattern(text(args[1]));
    if (joining.has(name)) this.#growth *= this.#joined(fields) || 1;
    else this.#growth *= growthOf(name, args);
    over('makes texts or lists longer', this.#growth, sqlLimits.growth);
  }
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : '');

const isType = (node: unknown, type: string): boolean =>
  typeof node === 'object' && node !== null && (node as Fields)['type'] === type;

/** A table that is named in a text, as a part of the statement would name it. */
function refuseOtherTable(named: string | undefined): void {
  if (/^(?:lake\.)?(?:main\.)?(?:\w+|"[^"]+")$/i.test(named ?? '')) return;
  throw new QueryError('bad_data', 'pragma_table_info takes the name of a table of the lake as a literal');
}

/** DuckDB tries every place for each wildcard, in one call that can't be interrupted. */
function checkPattern(pattern: string | undefined): void {
  const wildcards = pattern?.match(/[%*]+/g)?.length ?? 0;
  if (pattern !== undefined && wildcards <= sqlLimits.wildcards) return;
  const limit = `LIKE and GLOB take a literal pattern of at most ${sqlLimits.wildcards} wildcards`;
  throw new QueryError('bad_data', `${limit}; regexp_matches has no such limit`);
}

function isJoin(node: unknown): node is Fields {
  return typeof node === 'object' && node !== null && joining.has(String((node as Fields)['function_name']));
}

function over(what: string, count: number, limit: number): void {
  if (count > limit) throw new QueryError('bad_data', `the statement ${what} than the ${limit} allowed`);
}

/** How many times the length of its arguments a call's result may have; what can't be told counts as a thousand. */
function growthOf(name: string, args: readonly unknown[]): number {
  const at = lengthArgument.get(name);
  if (at !== undefined) return atLeastOne(constant(args[at]));
  if (listGenerators.has(name)) return atLeastOne(constant(args[args.length > 1 ? 1 : 0]));
  if (!replacing.has(name)) return 1;
  if (name === 'printf' || name === 'format') {
    const pattern = text(args[0]);
    if (pattern === undefined) return unknownGrowth;
    return atLeastOne(Math.max(1, ...[...pattern.matchAll(/\d+/g)].map(([digits]) => Number(digits))));
  }
  const [from, to] = [text(args[1]), text(args[2])];
  if (to === undefined || from === undefined) return unknownGrowth;
  return atLeastOne(name === 'replace' && from.length > 0 ? to.length / from.length : to.length);
}

const unknownGrowth = 1000;
const atLeastOne = (value: number | undefined) => Math.max(1, value ?? unknownGrowth);

/** The number that a constant is; also a negated or cast one. */
function constant(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null) return undefined;
  const { class: kind, value, child } = node as Fields;
  if (kind === 'CAST') return constant(child);
  if (kind !== 'CONSTANT') return undefined;
  const given = (value as Fields | undefined)?.['value'];
  const number = typeof given === 'number' || typeof given === 'string' ? Number(given) : NaN;
  return Number.isNaN(number) ? 0 : Math.abs(number);
}

function text(node: unknown): string | undefined {
  if (typeof node !== 'object' || node === null) return undefined;
  const { class: kind, value } = node as Fields;
  const given = kind === 'CONSTANT' ? (value as Fields | undefined)?.['value'] : undefined;
  return typeof given === 'string' ? given : undefined;
}

/** A fixed-size array takes its room for each row, whatever is in it. */
function refuseLargeArrays(type: Fields): void {
  const info = type['type_info'] as Fields | null | undefined;
  if (!info) return;
  if (type['id'] === 'ARRAY')
    over('casts to an array type of more elements', Number(info['size']), sqlLimits.arraySize);
  const child = info['child_type'];
  if (typeof child === 'object' && child !== null) refuseLargeArrays(child as Fields);
}
