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

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** DuckDB's message without the quoted piece of SQL that follows it. */
export function firstLine(error: unknown): string {
  const message = messageOf(error);
  const cut = message.search(/\n\s*\n?LINE \d+:/);
  return (cut < 0 ? message : message.slice(0, cut)).trim();
}

/** After these the whole DuckDB instance answers nothing any more and must be opened again. */
export function isFatal(error: unknown): boolean {
  return /^(FATAL|INTERNAL) Error|database has been invalidated/i.test(messageOf(error));
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
