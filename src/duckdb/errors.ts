/** The lake can't be opened or used; `message` is fit for the operator's log and holds no secret. */
export class LakeError extends Error {
  constructor(
    readonly kind: 'locked' | 'extension' | 'schema' | 'denied' | 'unavailable' | 'closed' | 'read_only',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'LakeError';
  }
}

/** The error itself when it is one already; else the lake is unavailable for that reason. */
export function asLakeError(error: unknown): LakeError {
  return error instanceof LakeError
    ? error
    : new LakeError('unavailable', firstLine(error), { cause: error });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * DuckDB's message without the quoted piece of SQL that follows it, and without the statements (rows of a commit
 * among them) that DuckLake quotes when a catalog server refuses them.
 */
export function firstLine(error: unknown): string {
  const message = messageOf(error)
    .replace(/(Failed to (?:execute|prepare) (?:query|COPY)) ".*"\s*:/gs, '$1:')
    // Its settings, which the operator knows and a client needn't.
    .replace(/(?: at path \+ "[^"]*")?(Unable to connect to Postgres) at "[^"]*"/g, ': $1');
  const cut = message.search(/\n\s*\n?LINE \d+:/);
  return (cut < 0 ? message : message.slice(0, cut)).trim();
}

/**
 * Another connection or node dropped a table of inlined rows that was superseded by a change of columns: DuckLake 1.0 does not forget it
 * until it is opened again (duckdb/ducklake issues 1305 and 1413). Nothing is wrong with the lake.
 */
export function isPlaceForgotten(error: unknown): boolean {
  return /ducklake_inlined_data_\d+_\d+"? does not exist/i.test(messageOf(error));
}

/** After these the whole DuckDB instance answers nothing any more and must be opened again. */
export function isFatal(error: unknown): boolean {
  return (
    /^(FATAL|INTERNAL) Error|database has been invalidated/i.test(messageOf(error)) || isPlaceForgotten(error)
  );
}

/** What `error` says and what caused it, the outermost first. */
function messages(error: unknown): string[] {
  const found: string[] = [];
  for (let at = error; at !== undefined && found.length < 8; at = at instanceof Error ? at.cause : undefined)
    found.push(messageOf(at));
  return found;
}

/** The database died of this very statement, and not before it of another's. */
export function isOwnFatal(error: unknown): boolean {
  const said = messages(error);
  if (
    said.some((message) =>
      /database has been invalidated|previous fatal error|ducklake_inlined_data_/i.test(message),
    )
  )
    return false;
  return said.some((message) => /^(FATAL|INTERNAL) Error/i.test(message));
}

/** DuckDB's memory limit did not allow this statement. */
export function isOutOfMemory(error: unknown): boolean {
  return messages(error).some((message) => /^Out of Memory Error/i.test(message));
}

/** Starts the messages of feed errors that come back through DuckDB. */
export const badBatch = 'malformed column batch';

/** Errors that the rows themselves cause: the same rows would fail for ever. */
export function isDataError(error: unknown): boolean {
  const message = messageOf(error);
  return (
    message.includes(badBatch) ||
    /^(Conversion|Constraint|Out of Range|Invalid Type|Mismatch Type|Divide by Zero) Error/i.test(message)
  );
}
