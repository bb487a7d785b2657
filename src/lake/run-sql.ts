/** Runs SQL in the transaction of one query; rows as arrays. */
export type RunSql = (sql: string) => Promise<unknown[][]>;
