/**
 * What a statement may be before DuckDB plans it. DuckDB's planner and many of its functions can't be interrupted and
 * take memory that no limit counts, so a statement that costs too much there must not begin.
 */
export const sqlLimits = {
  /** Characters of the statement. */
  characters: 100_000,
  /** Brackets within brackets. */
  nesting: 100,
  /** Words that begin a part of a query (SELECT, FROM, VALUES, JOIN, UNION, ...). */
  clauses: 400,
  /** Columns of a CUBE, which stands for 2 to their number grouping sets. */
  cubeColumns: 6,
  groupingSets: 64,
  /** Queries within queries. */
  depth: 16,
  /** Tables' worth of columns that the stars of a query stand for. */
  stars: 64,
  /** Runs of % in a LIKE pattern (* in GLOB): DuckDB tries every place of each. */
  wildcards: 5,
  /** UNION, EXCEPT and INTERSECT in one another. */
  setOperations: 100,
  /** WITH queries. */
  ctes: 50,
  /** Tables read, each WITH query as often as it is named. */
  tables: 64,
  joins: 30,
  columns: 1000,
  /** Nodes of expressions. */
  expressions: 10_000,
  /** How many times its input a text or list may become, as far as the statement tells. */
  growth: 1_000_000,
  /** Elements of a fixed-size array type. */
  arraySize: 1000,
} as const;
