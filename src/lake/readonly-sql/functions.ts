/** Table functions that only look, and only at the lake. Everything else a FROM clause may call is refused. */
export const tableFunctions = new Set([
  'range',
  'generate_series',
  'unnest',
  'repeat',
  'repeat_row',
  'json_each',
  'json_tree',
  'summary',
  'histogram',
  'histogram_values',
  'pragma_table_info',
  'pragma_version',
  'duckdb_tables',
  'duckdb_columns',
  'duckdb_views',
  'duckdb_schemas',
  'duckdb_types',
  'duckdb_functions',
  'duckdb_keywords',
  'duckdb_memory',
  'ducklake_snapshots',
  'ducklake_current_snapshot',
  'ducklake_last_committed_snapshot',
  'ducklake_table_info',
  'ducklake_list_files',
  'ducklake_options',
  'ducklake_settings',
  'ducklake_table_insertions',
  'ducklake_table_deletions',
  'ducklake_table_changes',
]);

/** Names of DuckDB's own views that may be read without a schema. */
export const systemViews = new Set(['duckdb_tables', 'duckdb_columns', 'duckdb_views', 'duckdb_schemas']);

/** Scalar functions with effects, that reveal the process's surroundings, or that wait. */
const effects = [
  'nextval',
  'write_log',
  'getenv',
  'getvariable',
  'current_setting',
  'set_config',
  'checkpoint',
  'force_checkpoint',
  'sleep_ms',
  'error',
  'parse_duckdb_log_message',
  'query',
  'query_table',
  'which_secret',
  'json_execute_serialized_sql',
];

/** Their cost grows with the product of their arguments' lengths, within one call that can't be interrupted. */
const quadratic = [
  'levenshtein',
  'editdist3',
  'damerau_levenshtein',
  'jaccard',
  'jaro_similarity',
  'jaro_winkler_similarity',
];

export const refusedFunctions = new Set([...effects, ...quadratic]);
export const refusedPrefixes =
  /^(?:read_|parquet_|ducklake_|canardstack_|pg_|http_|postgres_|sqlite_|quack_)/;

/** Functions whose result is as long as a number among their arguments says; the place of that argument. */
export const lengthArgument = new Map([
  ['repeat', 1],
  ['lpad', 1],
  ['rpad', 1],
  ['list_resize', 1],
  ['array_resize', 1],
  ['bitstring', 1],
  ['bar', 3],
]);

/** Make a list of as many elements as their last but one argument, or their only one, says. */
export const listGenerators = new Set(['range', 'generate_series']);

/** Put their arguments together. */
export const joining = new Set([
  '||',
  'concat',
  'concat_ws',
  'list_concat',
  'list_cat',
  'array_concat',
  'array_cat',
]);

/** May put a longer text for a shorter one. */
export const replacing = new Set(['replace', 'regexp_replace', 'printf', 'format']);

/** LIKE, ILIKE, GLOB and their negations; the second argument is the pattern. */
export const patternFunctions = new Set([
  '~~',
  '!~~',
  '~~*',
  '!~~*',
  '~~~',
  'like_escape',
  'not_like_escape',
  'ilike_escape',
  'not_ilike_escape',
]);
