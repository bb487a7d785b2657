/** What DuckDB's profile of a statement has of one operator; other members are of no use here. */
export interface Operator {
  readonly operator_name?: string;
  readonly operator_type?: string;
  readonly operator_cardinality?: number;
  readonly extra_info?: Readonly<Record<string, string | readonly string[]>>;
  readonly children?: readonly Operator[];
}

export interface Profile extends Operator {
  /** Seconds. */
  readonly latency?: number;
  readonly planner?: number;
  readonly all_optimizers?: number;
  readonly physical_planner?: number;
  readonly cpu_time?: number;
}

/** One that reads rows from somewhere. */
export interface Scan {
  /** As DuckDB calls it. */
  readonly name: string;
  readonly table: string | null;
  readonly rows: number;
  readonly columns: readonly string[];
  readonly filters: readonly string[];
  readonly filesRead: number | null;
  /** Null when DuckDB does not name them all. */
  readonly files: readonly string[] | null;
}

export function scansOf(operator: Operator): Scan[] {
  const own = operator.operator_type === 'TABLE_SCAN' ? [scanOf(operator)] : [];
  return [...own, ...(operator.children ?? []).flatMap(scansOf)];
}

function scanOf({
  operator_name: name = '',
  operator_cardinality: rows = 0,
  extra_info: info,
}: Operator): Scan {
  const known = new Map(Object.entries(info ?? {}));
  const list = (key: string) => [known.get(key) ?? []].flat().filter((text) => text !== '');
  const [named = ''] = list('Filename(s)');
  const [table = null] = list('Table');
  const [read] = list('Total Files Read');
  return {
    name,
    table,
    rows,
    columns: list('Projections'),
    filters: list('Filters'),
    filesRead: read === undefined ? null : Number(read),
    files: named.endsWith('...') ? null : named.split(', ').filter((file) => file !== ''),
  };
}

/** `column operator constant` of the filters of a scan; what is anything else can only leave out more. */
export interface Comparison {
  readonly column: string;
  readonly op: '=' | '<' | '>' | '<=' | '>=';
  readonly value: string;
}

const comparison = /^("(?:[^"]|"")+"|\w+)(<=|>=|=|<|>)(-?\d+(?:\.\d+)?|'(?:[^']|'')*'(?:::TIMESTAMP)?)$/;

export function comparisonsOf(filters: readonly string[]): Comparison[] {
  return filters.flatMap(conjuncts).flatMap((text) => {
    const [, column = '', op = '', constant = ''] = comparison.exec(text) ?? [];
    if (column === '') return [];
    const quoted = /^'(.*)'/s.exec(constant);
    return [
      {
        column: column.startsWith('"') ? column.slice(1, -1).replaceAll('""', '"') : column,
        op: op as Comparison['op'],
        value: quoted ? (quoted[1] ?? '').replaceAll("''", "'") : constant,
      },
    ];
  });
}

/** Split at each AND outside of quotes and parentheses; what only may be applied is left out. */
function conjuncts(filter: string): string[] {
  const parts: string[] = [];
  let [depth, quote, from] = [0, '', 0];
  for (let i = 0; i < filter.length; i++) {
    const char = filter[i] ?? '';
    if (quote !== '') {
      if (char === quote) quote = '';
    } else if (char === "'" || char === '"') quote = char;
    else if (char === '(') depth++;
    else if (char === ')') depth--;
    else if (depth === 0 && filter.startsWith(' AND ', i)) {
      parts.push(filter.slice(from, i));
      from = i + 5;
    }
  }
  return [...parts, filter.slice(from)].filter((part) => !part.startsWith('optional: '));
}

/** The data files that a filter names, or null when none does. DuckLake opens no others. */
export function filesNamed(filters: readonly string[]): string[] | null {
  const named = filters.flatMap((filter) => [
    ...filter.matchAll(
      /(?<![\w"])filename(?: IN \(('[^']*'(?:(?:, )?'[^']*')*(?:, )?)\)|=('(?:[^']|'')*'))/g,
    ),
  ]);
  if (named.length !== 1) return null;
  const list = named[0]?.[1] ?? named[0]?.[2] ?? '';
  return [...list.matchAll(/'((?:[^']|'')*)'/g)].map(([, path = '']) => path.replaceAll("''", "'"));
}
